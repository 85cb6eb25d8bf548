"""Whether data that arrives is as fresh, as much and of the form that was agreed (SG-44). It stops no pipeline."""
