"""Delegations: for some days somebody decides in another's stead (AC-20). No chains; duties see both persons."""
