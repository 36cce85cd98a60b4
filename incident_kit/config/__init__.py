"""What a team has set (`incident-kit.toml`), and TOML that knows where it stands."""
