"""The page of the administration's port: this gateway's last hour."""
