"""What all archives share: their interface, and what is known of tables and positions."""
