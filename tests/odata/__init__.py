"""OData: the grammar, the documents, and what clients do with them."""
