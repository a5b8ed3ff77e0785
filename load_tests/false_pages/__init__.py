"""False pages of a model on data without change, against its budget."""
