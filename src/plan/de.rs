//! Serde over the tree, so that one set of types is read, checked and described by the schema.
//!
//! Errors keep what serde says about them instead of a text, and get the innermost place as they pass outwards.

use std::fmt;

use serde::{
    Deserialize,
    de::{
        self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected,
        VariantAccess, Visitor,
    },
};

use super::{
    names,
    problem::Flaw,
    tree::{Entry, Node, Place, Value},
};

/// The name of the newtypes that take any scalar as it was written: `newtype_struct(SCALAR, …)`.
pub(super) const SCALAR: &str = "$scalar";

/// More flaws of one kind are not told at once: each costs one more reading.
const MOST: usize = 20;

/// Reads a value from the tree.
///
/// # Errors
/// Each unknown key, and the first of whatever else does not fit.
pub(super) fn read<T: DeserializeOwned>(root: &Node) -> Result<T, Vec<Flaw>> {
    let mut error = match T::deserialize(root) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let mut flaws = Vec::new();
    let mut rest = root.clone();
    loop {
        let Error { kind: Kind::UnknownKey { .. }, place: Some(place), .. } = error else {
            // What is missing may be there under one of the unknown keys.
            if flaws.is_empty() || !matches!(error.kind, Kind::Missing(_)) {
                flaws.push(error.flaw(root.place));
            }
            return Err(flaws);
        };
        flaws.push(error.flaw(root.place));
        rest.remove_key_at(place);
        error = match T::deserialize(&rest) {
            Err(error) if flaws.len() < MOST => error,
            _ => return Err(flaws),
        };
    }
}

/// The short form of something, or the long one.
pub(super) enum TextOrMap<M> {
    /// The short one.
    Text(String),
    /// The long one.
    Map(M),
}

/// Reads a text or a map; `expected` says what either is.
pub(super) fn text_or_map<'de, D: Deserializer<'de>, M: Deserialize<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<TextOrMap<M>, D::Error> {
    struct Either<M>(&'static str, std::marker::PhantomData<M>);

    impl<'de, M: Deserialize<'de>> Visitor<'de> for Either<M> {
        type Value = TextOrMap<M>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(TextOrMap::Text(text.to_owned()))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            M::deserialize(de::value::MapAccessDeserializer::new(map)).map(TextOrMap::Map)
        }
    }

    deserializer.deserialize_any(Either(expected, std::marker::PhantomData))
}

/// Why the tree does not fit the types.
#[derive(Debug)]
pub(super) struct Error {
    kind: Kind,
    place: Option<Place>,
    /// The way from the root, innermost first.
    path: Vec<String>,
}

#[derive(Debug)]
enum Kind {
    UnknownKey { key: String, known: &'static [&'static str] },
    UnknownWord { word: String, known: &'static [&'static str] },
    Missing(&'static str),
    Mismatch { found: &'static str, expected: String },
    Other(String),
}

impl Error {
    fn new(kind: Kind) -> Self {
        Self { kind, place: None, path: Vec::new() }
    }

    fn mismatch(node: &Node, expected: &str) -> Self {
        Self { place: Some(node.place), ..Self::new(Kind::Mismatch { found: node.kind(), expected: expected.to_owned() }) }
    }

    /// Takes the place if there is none that is further in.
    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    fn within(mut self, segment: String) -> Self {
        self.path.push(segment);
        self
    }

    fn flaw(self, root: Place) -> Flaw {
        let mut path = String::new();
        for segment in self.path.iter().rev() {
            if !path.is_empty() && !segment.starts_with('[') {
                path.push('.');
            }
            path.push_str(segment);
        }
        let inside = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        let place = self.place.unwrap_or(root);
        match self.kind {
            Kind::UnknownKey { key, known } => Flaw::new(place, format!("unknown key `{}`{inside}", names::short(&key)))
                .help(names::suggestion(&key, known, "keys")),
            Kind::UnknownWord { word, known } => Flaw::new(place, format!("`{path}` cannot be `{}`", names::short(&word)))
                .help(names::suggestion(&word, known, "values")),
            Kind::Missing(key) => Flaw::new(place, format!("the key `{key}` is missing{inside}")),
            Kind::Mismatch { found, expected } => {
                let subject = if path.is_empty() { "the plan".to_owned() } else { format!("`{path}`") };
                Flaw::new(place, format!("{subject} must be {expected}, but is {found}"))
                    .help_if(mismatch_help(&path, found, &expected))
            }
            Kind::Other(message) => Flaw::new(place, format!("{message}{inside}")),
        }
    }
}

fn mismatch_help(path: &str, found: &str, expected: &str) -> Option<&'static str> {
    let is_secret = path.strip_prefix("secrets.").is_some_and(|name| !name.contains('.'));
    match (found, expected) {
        (_, "a map") if is_secret => {
            Some("say where it is found, never what it is: `{ env: NAME }`, `{ file: PATH }` or `{ command: [pass, show, NAME] }`")
        }
        ("a number" | "a truth value", "text") => Some("put it in quotes"),
        ("nothing", "a map") => Some("write `{}` for a map without keys"),
        ("nothing", _) => Some("give it a value, or remove the key"),
        (_, "a list") => Some("a list is written `[one, two]`, or line by line with `- ` before each"),
        _ => None,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Unit | Unexpected::Option => "nothing",
            Unexpected::Bool(_) => "a truth value",
            Unexpected::Str(_) | Unexpected::Char(_) => "text",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a map",
            _ => "a number",
        };
        Self::new(Kind::Mismatch { found, expected: expected.to_string() })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownWord { word: word.to_owned(), known })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey { key: key.to_owned(), known })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Kind::Missing(key))
    }
}

impl Node {
    fn text(&self) -> Result<&str, Error> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(Error::mismatch(self, "text")),
        }
    }

    fn number<T: std::str::FromStr>(&self, expected: &str) -> Result<T, Error> {
        match &self.value {
            Value::Plain(raw) => raw.parse().map_err(|_| Error::mismatch(self, expected)),
            _ => Err(Error::mismatch(self, expected)),
        }
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Plain(raw) => match raw.parse::<bool>() {
                Ok(truth) => visitor.visit_bool(truth),
                Err(_) => visitor.visit_f64(raw.parse().unwrap_or(f64::NAN)),
            },
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items { items: items.iter().enumerate() }),
            Value::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), current: None }),
        };
        value.map_err(|error| error.at(self.place))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Plain(raw) if raw.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            Value::Plain(raw) if raw.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            _ => Err(Error::mismatch(self, "`true` or `false`")),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(self.number("a whole number")?).map_err(|error: Error| error.at(self.place))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.number("a number")?).map_err(|error: Error| error.at(self.place))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text()?).map_err(|error: Error| error.at(self.place))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    /// A key that is there has a value: `tag:` with nothing after it is an error, not the default.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name != SCALAR {
            return visitor.visit_newtype_struct(self);
        }
        let text = self.scalar().ok_or_else(|| Error::mismatch(self, "text"))?;
        visitor.visit_borrowed_str(text).map_err(|error: Error| error.at(self.place))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::List(_) => self.deserialize_any(visitor),
            _ => Err(Error::mismatch(self, "a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Map(_) => self.deserialize_any(visitor),
            _ => Err(Error::mismatch(self, "a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Word(self.text()?)).map_err(|error| error.at(self.place))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Items<'t> {
    items: std::iter::Enumerate<std::slice::Iter<'t, Node>>,
}

impl<'t> SeqAccess<'t> for Items<'t> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        seed.deserialize(node).map(Some).map_err(|error| error.at(node.place).within(format!("[{index}]")))
    }
}

struct Entries<'t> {
    entries: std::slice::Iter<'t, Entry>,
    current: Option<&'t Entry>,
}

impl<'t> MapAccess<'t> for Entries<'t> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.current = self.entries.next();
        let Some(entry) = self.current else { return Ok(None) };
        let key = de::value::BorrowedStrDeserializer::new(&entry.key);
        seed.deserialize(key).map(Some).map_err(|error: Error| error.at(entry.key_place))
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some(entry) = self.current else { return Err(de::Error::custom("a value was asked for before its key")) };
        seed.deserialize(&entry.node).map_err(|mut error| {
            // The start of a block, or of nothing, says less than the key above it.
            let missing = matches!(error.kind, Kind::Missing(_)) && error.path.is_empty();
            if missing || matches!(entry.node.value, Value::Null) {
                error.place = Some(entry.key_place);
            }
            error.at(entry.node.place).within(names::short(&entry.key))
        })
    }
}

/// One word out of a few.
struct Word<'t>(&'t str);

impl<'t> EnumAccess<'t> for Word<'t> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        Ok((seed.deserialize(de::value::BorrowedStrDeserializer::new(self.0))?, self))
    }
}

impl<'t> VariantAccess<'t> for Word<'t> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, _seed: T) -> Result<T::Value, Error> {
        Err(de::Error::custom("a word was expected"))
    }

    fn tuple_variant<V: Visitor<'t>>(self, _len: usize, _visitor: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("a word was expected"))
    }

    fn struct_variant<V: Visitor<'t>>(self, _fields: &'static [&'static str], _visitor: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("a word was expected"))
    }
}
