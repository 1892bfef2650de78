"""What the doctor says of an installation in which one thing is broken."""
