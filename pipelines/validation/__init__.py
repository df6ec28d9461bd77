"""Judging what was delivered: checks → places → elements → compile → across → judge, then feed, rejects, measures.

A contract's rules are compiled to SQL (`compile`, from the definitions in `checks` and `identifiers`) and run over a whole
delivery at once (`judge`). `feed` says what a feed holds afterwards, `rejects` how long a fault has stood, `measures` and
`expectations` whether the night looks like other nights, `preflight` what would become of a file.
"""
