"""dulwich's refs of a repository, repaired where it stumbles; import it late, since dulwich costs 35 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dulwich.refs import DiskRefsContainer

if TYPE_CHECKING:
    from dulwich.objects import ObjectID
    from dulwich.refs import Ref


class RefsContainer(DiskRefsContainer):
    """A container that can also read a packed-refs of no bytes, as some tools leave behind."""

    def get_packed_refs(self) -> dict[Ref, ObjectID]:
        try:
            return super().get_packed_refs()
        except StopIteration:  # dulwich asks for the first line and there is none
            return {}
