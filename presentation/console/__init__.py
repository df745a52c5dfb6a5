"""Console: the operators' pages, one file per page. Each page is a pure function from a read model to HTML."""
