"""The protocol as models small enough to try every order of events; `make model` runs them."""
