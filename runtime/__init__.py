"""What every process needs: settings, shutdown, logs, metrics, health, retry."""
