"""What exists, told in no version's words: records, the shelves they stand on, and the rules of ordering.

Must not know HTTP, JSON, or which fields an API version shows.
"""
