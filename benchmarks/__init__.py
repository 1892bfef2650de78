"""What the agent costs, side by side with the scripts that a practice would otherwise put into cron."""
