"""What must never leak, in one place: secrets and opaque references, masking of values."""
