"""Archives that are queried over the network."""

from stellarnb.archives.remote.archive import RemoteArchive

__all__ = ["RemoteArchive"]
