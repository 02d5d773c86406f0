"""Breaking the program on purpose."""
