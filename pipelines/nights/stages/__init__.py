"""The stages of a night, one module each, in the order data flows.

Belongs here: which tables each stage reads from the attempt's folder and leaves there. Not here: how records are matched,
identities assigned, a snapshot built or published: each has its own package.

    nights/<authority>/<business_date>/attempts/<digest>/
      inputs.json                what the attempt is built from                                     freeze
      written.json               hash of each table when its stage wrote it; goes into the seal     all of them
      live/<agency>.parquet      each feed's live records after the night                           records
      faults.parquet             every fault ever found in a feed, and how it stands
      feeds.json                 what each feed brought: delivery, day, counts, measures
      person/*.parquet           all live records in comparable form
      matching/*.parquet         clusters, links, possible links, and what the next night starts from   links
      review.parquet             the review list, with the night each pair was first on it
      identities/*.parquet       identities after the night; events.parquet what happened to them  identities
      snapshot/*.parquet         the snapshot as it would be published; gates.json what was found of it   snapshot
      sealed.json                the same hashes, proven once more, for the nights that build on it   publish
"""
