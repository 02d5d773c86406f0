"""A legacy mobile backend for health devices: users, devices and measurements of five regions."""
