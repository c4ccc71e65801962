"""OData 4.0 at /odata/v4/: another grammar for the same questions.

model             names       the catalog and the views as entity sets, properties, navigation
metadata          documents   $metadata and the service document, from the model
syntax, parse_*   grammar     text → an expression, names unknown, positions kept
bind, options     names       expression → register.query.ast
sets, apply       answers     address and options → query → JSON
batch, routes     HTTP        errors as OData has them
"""
