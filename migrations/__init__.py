"""The steps that build the tables, shipped as `signals_peewee.migrations`; a released one is never edited."""
