"""What looking at the past costs beside the same question now."""
