"""What runs beside the database: migrate, rebuild, verify, doctor."""
