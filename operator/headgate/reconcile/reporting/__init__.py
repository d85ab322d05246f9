"""What users learn: status, events, notifications, metrics of the steps, and errors that nobody foresaw."""
