"""Plots as pure geometry: from the points of runs to places between 0 and 1, and from those to a page or a picture."""
