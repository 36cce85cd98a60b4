"""What the commands do: one file a command, called by `cli` and by notebooks alike."""
