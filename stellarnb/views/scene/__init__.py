"""A view before it is drawn, and its drawing by three libraries."""
