"""What `remap` and `plan` cost beside reading everything again."""
