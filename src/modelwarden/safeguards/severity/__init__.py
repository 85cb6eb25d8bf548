"""How bad something is: rules as data, and what they make of traffic and risk (SG-51, SG-52). It acts on nothing."""
