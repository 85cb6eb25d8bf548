"""The question put to people, what they sign, whose signature counts, the gate. Deploys nothing."""
