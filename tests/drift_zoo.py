"""What a model can be: every kind of it that Peewee has, for both databases or for one."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from peewee import (
    SQL,
    BigAutoField,
    BigBitField,
    BigIntegerField,
    BinaryUUIDField,
    BitField,
    BlobField,
    BooleanField,
    CharField,
    Check,
    CompositeKey,
    DateField,
    DateTimeField,
    DecimalField,
    DeferredForeignKey,
    DoubleField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IdentityField,
    IntegerField,
    IPField,
    JSONField,
    ManyToManyField,
    Model,
    SmallIntegerField,
    TextField,
    TimeField,
    TimestampField,
    UUIDField,
    fn,
)
from playhouse.fields import EnumField

from signals_peewee.runner.operations import InstantField

Models = list[type[Model]]


class Kind(NamedTuple):
    """Some models that belong together."""

    make: Callable[[], Models]
    engines: tuple[str, ...]


ZOO: list[Kind] = []


def kind(*engines: str) -> Callable[[Callable[[], Models]], Callable[[], Models]]:
    """Add a function that makes models to the zoo."""

    def added(make: Callable[[], Models]) -> Callable[[], Models]:
        ZOO.append(Kind(make, engines or ("sqlite", "postgres")))
        return make

    return added


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@kind()
def every_type() -> Models:
    class Everything(Model):
        big = BigIntegerField()
        small = SmallIntegerField()
        single = FloatField()
        double = DoubleField()
        price = DecimalField(max_digits=12, decimal_places=3)
        yes = BooleanField()
        day = DateField()
        hour = TimeField()
        moment = DateTimeField()
        stamp = TimestampField()
        instant = InstantField(null=True)
        key = UUIDField()
        binary_key = BinaryUUIDField(null=True)
        data = BlobField()
        bits = BitField()
        many_bits = BigBitField()
        address = IPField()
        fixed = FixedCharField(max_length=7)
        text = TextField()
        document = JSONField(null=True)
        colour = EnumField(Colour)

    return [Everything]


@kind()
def constants_of_python() -> Models:
    class Constants(Model):
        number = IntegerField(default=-1)
        none = IntegerField(default=0)
        big = BigIntegerField(default=2**40)
        double = DoubleField(default=0.5)
        price = DecimalField(default=Decimal("1.50"), max_digits=8, decimal_places=2)
        yes = BooleanField(default=True)
        no = BooleanField(default=False)
        text = TextField(default="it's 100 % 'x'")
        empty = CharField(default="")
        day = DateField(default=date(2024, 1, 31))
        hour = TimeField(default=time(1, 2, 3))
        moment = DateTimeField(default=datetime.fromisoformat("2024-01-31T12:30"))
        key = UUIDField(default=uuid.UUID(int=7))
        document = JSONField(default={"a": [1, None, "x"]})
        data = BlobField(default=b"\x00x'")
        colour = EnumField(Colour, default=Colour.RED)

    return [Constants]


@kind()
def functions_of_python() -> Models:
    class Functions(Model):
        key = UUIDField(default=uuid.uuid4)
        moment = DateTimeField(default=datetime.now)
        document = JSONField(default=dict)

    return [Functions]


@kind()
def defaults_of_the_server() -> Models:
    class Server(Model):
        number = IntegerField(constraints=[SQL("DEFAULT -1")], default=-1)
        text = TextField(constraints=[SQL("DEFAULT 'a  (b)'")])
        made = DateTimeField(constraints=[SQL("DEFAULT CURRENT_TIMESTAMP")])
        instant = InstantField(default_now=True)
        computed = IntegerField(constraints=[SQL("DEFAULT (1 + 1)")])

    return [Server]


@kind()
def keys_of_every_kind() -> Models:
    class Big(Model):
        id = BigAutoField()

    class Text(Model):
        code = CharField(max_length=21, primary_key=True)

    class Uuid(Model):
        id = UUIDField(primary_key=True)
        email = CharField(unique=True)

    class OfKey(Model):
        text = ForeignKeyField(Text, primary_key=True, on_delete="CASCADE")

    class Pair(Model):
        big = ForeignKeyField(Big)
        uuid = ForeignKeyField(Uuid, on_delete="SET NULL", null=True)
        email = ForeignKeyField(Uuid, field="email", backref="+", on_update="CASCADE")
        of_key = ForeignKeyField(OfKey, deferrable="INITIALLY DEFERRED", constraint_name="waits")

        class Meta:
            primary_key = CompositeKey("big", "email")

    class Keyless(Model):
        number = IntegerField()

        class Meta:
            primary_key = False

    return [Keyless, Pair, OfKey, Uuid, Text, Big]


@kind()
def keys_that_are_deferred() -> Models:
    class Left(Model):
        right = DeferredForeignKey("zoo:right", null=True, on_delete="CASCADE")

    class Right(Model):
        left = ForeignKeyField(Left, null=True)

    DeferredForeignKey._unresolved.discard(Left.right)
    Left.right.set_model(Right)
    return [Left, Right]


@kind()
def many_to_many() -> Models:
    class Student(Model):
        name = TextField()

    class Course(Model):
        students = ManyToManyField(Student)

    return [Student, Course, Course.students.get_through_model()]


@kind()
def constraints_of_every_kind() -> Models:
    class Constrained(Model):
        one = IntegerField(constraints=[Check("one > 0"), Check("one < 1000", "one_small")])
        two = IntegerField(constraints=[SQL("UNIQUE")])
        word = TextField(constraints=[Check("word IN ('a', 'b  c')")])
        other = TextField(unique=True)

        class Meta:
            table_name = "constrained"
            constraints = (
                SQL("UNIQUE (one, two)"),
                SQL('CONSTRAINT "Named" UNIQUE (two, word)'),
                Check("one <> two"),
                Check("lower(word) <> 'x' AND (one > 2 OR two > 2)", "both"),
            )

    return [Constrained]


@kind()
def indexes_of_every_kind() -> Models:
    class Indexed(Model):
        one = IntegerField(index=True)
        two = IntegerField(unique=True)
        word = TextField()
        made = DateTimeField(null=True)

        class Meta:
            table_name = "things"
            indexes = ((("one", "two"), True), (("word", "one"), False))

    Indexed.add_index(Indexed.one, Indexed.word.desc(), name="things_order")
    Indexed.add_index(Indexed.word, unique=True, where=Indexed.one > 3, name="things_some")
    Indexed.add_index(Indexed.index(fn.LOWER(Indexed.word), name="things_lower"))
    raw = 'CREATE INDEX IF NOT EXISTS "things_raw" ON "things" ("made" DESC, lower("word")) WHERE "made" IS NOT NULL'
    Indexed.add_index(SQL(raw))
    Indexed.add_index(Indexed.index(Indexed.two, where=SQL("word = 'a  (b'"), name="things_text"))
    return [Indexed]


@kind()
def names_of_every_kind() -> Models:
    class Odd(Model):
        select = TextField(column_name="select", index=True)
        blank = IntegerField(column_name="a b", null=True)
        quote = IntegerField(column_name='say "x"', constraints=[Check('"say ""x""" > 0', 'chk "q"')])
        dash = IntegerField(column_name="a-2", unique=True)
        upper = IntegerField(column_name="Größe", index=True)

        class Meta:
            table_name = "Od d.Täble's"
            legacy_table_names = False

    class Long(Model):
        up = ForeignKeyField(
            "self", null=True, column_name="a_name_of_a_column_that_is_as_long_as_names_may_ever_be_here"
        )
        other = IntegerField(index=True, column_name="another_name_of_a_column_that_is_as_long_as_names_may_ever_be")

        class Meta:
            table_name = "a_name_of_a_table_that_is_as_long_as_names_may_be_in_postgres_"
            indexes = ((("up", "other"), True),)

    class Order(Model):
        group = IntegerField()

    return [Odd, Long, Order]


@kind()
def classes_of_one_name() -> Models:
    def signal(table: str) -> type[Model]:
        class Signal(Model):
            word = TextField(index=True)

            class Meta:
                table_name = table
                legacy_table_names = False

        return Signal

    return [signal("ones"), signal("others")]


@kind()
def fields_of_the_host() -> Models:
    class Words(TextField):
        def __init__(self, vocabulary: str, **options: Any) -> None:
            self.vocabulary = vocabulary
            super().__init__(**options)

    class Money(DecimalField):
        def __init__(self, currency: str, **options: Any) -> None:
            self.currency = currency
            super().__init__(max_digits=20, decimal_places=4, **options)

    class Own(Model):
        words = Words("colours", null=True)
        money = Money("EUR")

    return [Own]


@kind("sqlite")
def tables_of_sqlite() -> Models:
    class Strict(Model):
        number = IntegerField()
        text = TextField(collation="NOCASE")

        class Meta:
            strict_tables = True

    class Rowless(Model):
        code = TextField(primary_key=True)

        class Meta:
            without_rowid = True

    class Affine(Model):
        bare = TextField(constraints=[SQL("COLLATE RTRIM")])
        twice = IntegerField(constraints=[SQL("GENERATED ALWAYS AS (id * 2) VIRTUAL")])
        thrice = IntegerField(constraints=[SQL("AS (id * 3) STORED")])

    return [Strict, Rowless, Affine]


@kind("sqlite")
def extensions_of_sqlite() -> Models:
    from playhouse.sqlite_ext import AutoIncrementField, FTS5Model, SearchField

    class Counted(Model):
        id = AutoIncrementField()
        name = TextField()

    class Pages(FTS5Model):
        title = SearchField()
        body = SearchField(unindexed=True)

        class Meta:
            options = MappingProxyType({"tokenize": "porter"})

    return [Counted, Pages]


@kind("postgres")
def tables_of_postgres() -> Models:
    class Identities(Model):
        id = IdentityField()
        text = TextField(collation='"C"', index=True)
        twice = IntegerField(constraints=[SQL("GENERATED ALWAYS AS (length(text) * 2) STORED")])

    class Always(Model):
        id = IdentityField(generate_always=True)
        period = TextField()
        day = DateField()

        class Meta:
            constraints = (
                SQL("EXCLUDE USING btree (day WITH =)"),
                SQL("UNIQUE (period) DEFERRABLE INITIALLY DEFERRED"),
            )

    Always.add_index(Always.index(Always.period, using="hash", name="always_hash"))
    Always.add_index(Always.index(Always.day, unique=True, nulls_distinct=False, name="always_day"))
    Always.add_index(
        SQL('CREATE INDEX "always_more" ON "always" (period text_pattern_ops, day DESC NULLS LAST) INCLUDE (id)')
    )

    class Numbered(Model):
        number = IntegerField(sequence="numbers_of_the_zoo")

    class Parted(Model):
        day = DateField()

        class Meta:
            primary_key = False
            table_settings = "PARTITION BY RANGE (day)"

    return [Identities, Always, Numbered, Parted]


@kind("postgres")
def extensions_of_postgres() -> Models:
    from playhouse.postgres_ext import ArrayField, BinaryJSONField, DateTimeTZField, IntervalField, TSVectorField

    class Extended(Model):
        tags = ArrayField(CharField, field_kwargs={"max_length": 9}, default=list)
        numbers = ArrayField(IntegerField, dimensions=2, index=False, null=True)
        document = BinaryJSONField(index=True)
        moment = DateTimeTZField(null=True)
        lasts = IntervalField(null=True)
        words = TSVectorField()

    return [Extended]
