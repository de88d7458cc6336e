"""TAP services: queries, jobs and VOTables."""
