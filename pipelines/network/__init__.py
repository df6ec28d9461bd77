"""The co-ordinating index: which local indexes know a child, and nothing else of it.

Belongs here: a night of the network: what each authority gives of its children (`contributions`), who of several authorities is one child
(`linking`), national ids and pointers (`pointers`), who must be hidden in an authority because of another (`messages`), the proof (`gates`),
publishing (`publish`), and looking somebody up (`find`). Not here: anything that changes a local index: a mistake made here is one of
pointers, and is undone by pointers. What reaches an authority is a message that names one of its own index ids.
"""
