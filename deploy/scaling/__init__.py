"""How the number of workers follows the work: the deployed policy, tried in a discrete-event model."""
