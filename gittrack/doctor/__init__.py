"""What is wrong with the surroundings of the runs, told one by one, and mended without deleting anything."""
