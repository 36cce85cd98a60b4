"""Pure computation: tables and thresholds in, tables and findings out. No files, no clock, no configuration."""
