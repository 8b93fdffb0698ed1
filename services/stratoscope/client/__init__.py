"""The async client of the navigator that every face shares."""
