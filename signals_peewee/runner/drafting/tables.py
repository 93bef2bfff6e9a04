"""How does a step declare a whole table, or one that it refers to?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from keyword import iskeyword
from types import SimpleNamespace
from typing import Any

from peewee import CompositeKey, Database, Field, ForeignKeyField, Index, Model

from ...engine.introspection import Table
from ...engine.introspection.writing import index_sql, table_sql
from ...engine.scratch.rendering import Place, Rendering, cut
from ..frozen import base_for
from .fields import Fields, Imports


class Tables:
    """Writes the classes of a step, each of which is tried out.

    Args:
        database: what they are for.
        schema: the schema of the run.
        fields: writes their fields.
        imports: what is used is added to it.
        where: the schemas in which tables are found that name none.
    """

    def __init__(
        self,
        database: Database,
        schema: str | None,
        fields: Fields,
        imports: Imports,
        where: Mapping[str, str | None],
    ) -> None:
        self._where = where if schema else {}
        self._database = database
        self._schema = schema
        self._fields = fields
        self._imports = imports
        self._namespace = imports.namespace
        self._namespace["migrator"] = SimpleNamespace(Model=base_for(database, schema))
        self._classes: dict[Place, str] = {}
        self._declared: dict[Place, dict[str, str]] = {}  # of those that are only referred to, their columns
        imports.use("peewee", "CompositeKey", "ForeignKeyField")

    def whole(self, model: type[Model], expected: Table) -> list[str]:
        """Return the statements that make a model's table and its indexes."""
        referred = self._referred(model)
        name = self._name(model)
        self._declared.pop(self._place(model), None)
        lines = self._class(model, name)
        if not self._is_same(model, name, lines):
            del self._classes[self._place(model)]
            made = [script(self._ddl(model) if "VIRTUAL" in expected.options else table_sql(expected))]
            return [*made, *self.indexes(model, expected)]
        return [
            *referred,
            *lines,
            "",
            f"{name}.create_table(safe=False)",
            *self.indexes(model, expected),
        ]

    def indexes(
        self, model: type[Model], expected: Table, only: str | None = None, spelled: Callable[[str], str] = str
    ) -> list[str]:
        """Return the statements that make the indexes of a model, or the one of a name.

        Args:
            model: the model.
            expected: what the database makes of it, under the name of its table.
            only: the name of the one index.
            spelled: returns a column as the database spells it.
        """
        meta: Any = model._meta
        made: list[Any] = meta.fields_to_index()
        nodes: list[Any] = [index for index in made if isinstance(index, Index)]
        by_name = {cut(str(index._name)): index for index in nodes}
        chosen = [index for index in expected.indexes if only in (None, index.name)]
        return [
            f"migrator.migrate({self._index(expected.name, by_name[index.name], spelled)})"
            if index.name in by_name
            else script(index_sql(index, expected.name))
            for index in chosen
        ]

    def key(self, field: Any, *, in_class: bool) -> tuple[list[str], str]:
        """Return the statements that declare what a foreign key refers to, and the field."""
        own = in_class and self._place(field.rel_model) == self._place(field.model)
        before, name = ([], "'self'") if own else self._stand_in(field)
        options: dict[str, Any] = {"field": field.rel_field.name}
        if field.column_name != f"{field.name}_id" or not in_class:
            options["column_name"] = field.column_name
        if in_class and field.object_id_name not in (field.column_name, f"{field.column_name}_id"):
            options["object_id_name"] = field.object_id_name
        more = ("null", "primary_key", "on_delete", "on_update", "deferrable", "constraint_name")
        options.update({key: getattr(field, key) for key in more if getattr(field, key)})
        if not in_class:
            options.pop("primary_key", None)
        texts = [f"{key}={value!r}" for key, value in options.items()]
        constraints = [self._fields.text(node) for node in field.constraints or () if in_class]
        texts += [f"constraints=[{', '.join(constraints)}]"] if constraints else []
        return before, f"ForeignKeyField({', '.join([name, *texts])}, index=False, backref='+')"

    def _index(self, table: str, index: Any, spelled: Callable[[str], str]) -> str:
        columns = [
            repr(spelled(part.column_name)) if isinstance(part, Field) else self._part(part)
            for part in index._expressions
        ]
        options = [f"name={cut(str(index._name))!r}"]
        options += ["unique=True"] if index._unique else []
        options += [f"using={index._using!r}"] if index._using else []
        options += [f"nulls_distinct={index._nulls_distinct}"] if index._nulls_distinct is not None else []
        options += [f"where={self._fields.text(index._where)}"] if index._where is not None else []
        return f"migrator.add_index({table!r}, [{', '.join(columns)}], {', '.join(options)})"

    def _part(self, part: Any) -> str:
        return f"SQL({part!r})" if isinstance(part, str) else self._fields.text(part)

    def _class(self, model: type[Model], name: str) -> list[str]:
        meta: Any = model._meta
        lines = [f"class {name}(migrator.Model):"]
        for field in meta.sorted_fields:
            if isinstance(field, ForeignKeyField) and not field.deferred:
                source = self.key(field, in_class=True)[1]
            else:
                source = self._plain(field)
            lines.append(f"    {field.name} = {source}")
        lines += ["", "    class Meta:", f"        table_name = {meta.table_name!r}"]
        return lines + [f"        {line}" for line in self._meta(meta)]

    def _plain(self, field: Any) -> str:
        """Return a field, or the column of a key whose constraint is made later."""
        if not isinstance(field, ForeignKeyField):
            return self._fields.in_class(field)
        context = self._database.get_sql_context()
        kind = context.sql(field.ddl_datatype(context)).query()[0]
        null = ", null=True" if field.null else ""
        return f"SqlField({kind!r}, column_name={field.column_name!r}{null})"

    def _meta(self, meta: Any) -> Iterator[str]:
        if isinstance(meta.primary_key, CompositeKey):
            yield f"primary_key = CompositeKey({', '.join(map(repr, meta.primary_key.field_names))})"
        elif meta.primary_key is False:
            yield "primary_key = False"
        if meta.constraints:
            yield f"constraints = [{', '.join(map(self._fields.text, meta.constraints))}]"
        for key in ("strict_tables", "without_rowid", "table_settings", "options"):
            if value := getattr(meta, key, None):
                yield f"{key} = {dict(value) if key == 'options' else value!r}"

    def _referred(self, model: type[Model]) -> list[str]:
        keys = [field for field in model._meta.sorted_fields if isinstance(field, ForeignKeyField)]
        others = [key for key in keys if not key.deferred and self._place(key.rel_model) != self._place(model)]
        return [line for key in others for line in self._stand_in(key)[0]]

    def _stand_in(self, key: Any) -> tuple[list[str], str]:
        """Return the statements that declare a table with the column that a key refers to, where none does yet."""
        place, column = self._place(key.rel_model), key.rel_field.name
        declared = self._declared.setdefault(place, {})
        if place in self._classes and (column in declared or not declared):  # a whole table has every column
            return [], self._classes[place]
        declared[column] = self._referred_column(key)
        name = self._name(key.rel_model)
        lines = [f"class {name}(migrator.Model):", *(f"    {key} = {source}" for key, source in declared.items())]
        lines += ["", "    class Meta:", f"        table_name = {place.table!r}"]
        lines += [f"        schema = {place.schema!r}"] if place.schema != self._schema else []
        self._run(lines)
        return [*lines, ""], name

    def _referred_column(self, key: Any) -> str:
        leaf = key.rel_field
        while isinstance(leaf, ForeignKeyField):
            leaf = leaf.rel_field
        leaf = leaf.clone()
        leaf.name, leaf.column_name = key.rel_field.name, key.rel_field.column_name
        leaf.constraints, leaf.sequence, leaf.default_now = None, None, False
        leaf.primary_key = key.rel_field.primary_key
        return self._fields.in_class(leaf, **({} if leaf.primary_key else {"unique": True}))

    def _name(self, model: type[Model]) -> str:
        words = re.findall(r"[A-Za-z0-9]+", model._meta.table_name)
        name = "".join(word[:1].upper() + word[1:] for word in words)
        name = name if name[:1].isalpha() else f"Table{name}"
        while name in self._namespace or name in self._classes.values():
            name += "_"
        self._classes[self._place(model)] = name
        return name

    def _is_same(self, model: type[Model], name: str, lines: list[str]) -> bool:
        """Tell whether the class makes the table that the model makes."""
        if not all(field.isidentifier() and not iskeyword(field) for field in model._meta.fields):
            return False
        made = self._run(lines)[name]
        return self._ddl(made) == self._ddl(model)

    def _run(self, lines: list[str]) -> dict[str, Any]:
        exec("\n".join(lines), self._namespace)  # noqa: S102  # our own text, so that it is not only hoped to be right
        return self._namespace

    def _ddl(self, model: type[Model]) -> str:
        rendering = Rendering(self._database, None, self._schema, {model._meta.table_name: model})
        return str(next(rendering.statements(model))[0])

    def _place(self, model: type[Model]) -> Place:
        table = model._meta.table_name
        return Place(model._meta.schema or self._where.get(table) or self._schema, table)


def script(*statements: str) -> str:
    """Return the statement that executes SQL as it is: a percent sign stands for itself."""
    return f"migrator.execute_script({'; '.join(statements)!r})"
