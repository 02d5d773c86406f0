"""How fast the pipeline is against MySQL's own fastest ways, in one run on one machine."""
