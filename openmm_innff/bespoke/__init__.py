"""A potential for one molecule: from a structure and a level of theory to a tested model."""
