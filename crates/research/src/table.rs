//! Tables as files: CSV, NDJSON and Parquet with the types that were stated.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::limits::GROUP_ROWS;
use crate::rows::{Cell, Row};
use crate::view::Column;

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Comma-separated, UTF-8, with a heading.
    Csv,
    /// A JSON object a line.
    Ndjson,
    /// Apache Parquet, not compressed: every byte can be searched.
    Parquet,
}

impl Format {
    /// The end of its file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// true or false
    Boolean,
    /// 32 bits
    Integer,
    /// 64 bits
    Long,
    /// 38 digits, 9 of them after the point
    Decimal,
    /// Text; FHIR dates too, as they may stop at the month or year
    Text,
    /// A list, as JSON
    Json,
    /// A whole date
    Date,
    /// A date with a time, as the clock showed it
    DateTime,
    /// A number of 64 bits with a floating point
    Double,
}

/// A field of a table.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: FieldKind,
}

/// Digits after the point of decimals in Parquet.
const DECIMAL_SCALE: u32 = 9;

impl Field {
    /// The field of a view's column, by the FHIR type that it states.
    pub fn of(column: &Column) -> Self {
        let kind = match column.ty.as_str() {
            _ if column.collection => FieldKind::Json,
            "boolean" => FieldKind::Boolean,
            "integer" | "positiveInt" | "unsignedInt" => FieldKind::Integer,
            "integer64" => FieldKind::Long,
            "decimal" => FieldKind::Decimal,
            _ => FieldKind::Text,
        };
        Self { name: column.name.clone(), kind }
    }
}

impl From<ParquetError> for Error {
    fn from(error: ParquetError) -> Self {
        Self::File(error.to_string())
    }
}

impl From<csv::Error> for Error {
    fn from(error: csv::Error) -> Self {
        Self::File(error.to_string())
    }
}

/// A file that takes rows.
pub(crate) trait Table {
    fn row(&mut self, row: Row) -> Result<(), Error>;
    /// Ends the file and flushes it to the disk.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Opens a file for a table.
pub(crate) fn create(format: Format, path: &Path, fields: &[Field]) -> Result<Box<dyn Table>, Error> {
    let file = File::create(path)?;
    Ok(match format {
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(BufWriter::new(file));
            writer.write_record(fields.iter().map(|f| f.name.as_str()))?;
            Box::new(Csv { writer })
        }
        Format::Ndjson => Box::new(Lines {
            writer: BufWriter::new(file),
            names: fields.iter().map(|f| f.name.clone()).collect(),
        }),
        Format::Parquet => Box::new(Columns::new(file, fields)?),
    })
}

struct Csv {
    writer: csv::Writer<BufWriter<File>>,
}

/// Text of a cell in CSV. What a spreadsheet would take for a formula is text there too.
fn csv_text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Boolean(value) => value.to_string(),
        Cell::Integer(value) => value.to_string(),
        Cell::Decimal(digits) => digits.clone(),
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Cell::Text(text) => text.clone(),
        Cell::List(_) => cell.json().to_string(),
    }
}

impl Table for Csv {
    fn row(&mut self, row: Row) -> Result<(), Error> {
        Ok(self.writer.write_record(row.iter().map(csv_text))?)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let buffer = self.writer.into_inner().map_err(|e| Error::File(e.to_string()))?;
        let file = buffer.into_inner().map_err(|e| Error::File(e.to_string()))?;
        Ok(file.sync_all()?)
    }
}

/// Lines of JSON.
pub(crate) struct Lines {
    writer: BufWriter<File>,
    names: Vec<String>,
}

impl Lines {
    /// For resources: whole values, a line each.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Ok(Self { writer: BufWriter::new(File::create(path)?), names: Vec::new() })
    }

    /// Whole lines, as they are.
    pub fn lines(&mut self, lines: &[u8]) -> Result<(), Error> {
        Ok(self.writer.write_all(lines)?)
    }

    fn value(&mut self, value: &Value) -> Result<(), Error> {
        serde_json::to_writer(&mut self.writer, value).map_err(|e| Error::File(e.to_string()))?;
        Ok(self.writer.write_all(b"\n")?)
    }

    pub fn end(self) -> Result<(), Error> {
        let file = self.writer.into_inner().map_err(|e| Error::File(e.to_string()))?;
        Ok(file.sync_all()?)
    }
}

impl Table for Lines {
    fn row(&mut self, row: Row) -> Result<(), Error> {
        let object: Map<String, Value> = self.names.iter().cloned().zip(row.iter().map(Cell::json)).collect();
        self.value(&Value::Object(object))
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.end()
    }
}

/// Parquet: rows are held as columns until a group is full.
struct Columns {
    writer: SerializedFileWriter<File>,
    fields: Vec<Field>,
    rows: Vec<Vec<Cell>>,
}

fn parquet_type(field: &Field) -> Result<Type, Error> {
    let build = |physical, converted: Option<ConvertedType>, logical: Option<LogicalType>| {
        let mut builder = Type::primitive_type_builder(&field.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        if let Some(converted) = converted {
            builder = builder.with_converted_type(converted);
        }
        builder
    };
    Ok(match field.kind {
        FieldKind::Boolean => build(Physical::BOOLEAN, None, None),
        FieldKind::Integer => build(Physical::INT32, None, None),
        FieldKind::Long => build(Physical::INT64, None, None),
        FieldKind::Date => build(Physical::INT32, Some(ConvertedType::DATE), None),
        FieldKind::Double => build(Physical::DOUBLE, None, None),
        // The clock's time: without a zone, so not adjusted to UTC.
        FieldKind::DateTime => {
            build(Physical::INT64, None, Some(LogicalType::timestamp(false, TimeUnit::MICROS)))
        }
        FieldKind::Json => build(Physical::BYTE_ARRAY, Some(ConvertedType::JSON), None),
        FieldKind::Text => build(Physical::BYTE_ARRAY, Some(ConvertedType::UTF8), None),
        FieldKind::Decimal => build(Physical::FIXED_LEN_BYTE_ARRAY, Some(ConvertedType::DECIMAL), None)
            .with_length(16)
            .with_precision(38)
            .with_scale(DECIMAL_SCALE as i32),
    }
    .build()?)
}

impl Columns {
    fn new(file: File, fields: &[Field]) -> Result<Self, Error> {
        let types =
            fields.iter().map(|f| Ok(Arc::new(parquet_type(f)?))).collect::<Result<Vec<_>, Error>>()?;
        let schema = Arc::new(Type::group_type_builder("schema").with_fields(types).build()?);
        let properties = Arc::new(WriterProperties::builder().set_created_by("causeway".to_owned()).build());
        let writer = SerializedFileWriter::new(file, schema, properties)?;
        Ok(Self { writer, fields: fields.to_vec(), rows: Vec::new() })
    }

    fn group(&mut self) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (number, field) in self.fields.iter().enumerate() {
            let Some(mut column) = group.next_column()? else { break };
            let cells = || self.rows.iter().map(|row| row.get(number).unwrap_or(&Cell::Null));
            let levels: Vec<i16> = cells().map(|cell| i16::from(*cell != Cell::Null)).collect();
            let filled = || cells().filter(|cell| **cell != Cell::Null);
            match field.kind {
                FieldKind::Boolean => {
                    let values = filled()
                        .map(|cell| match cell {
                            Cell::Boolean(value) => Ok(*value),
                            _ => unfit(field),
                        })
                        .collect::<Result<Vec<_>, _>>()?;
                    column.typed::<BoolType>().write_batch(&values, Some(&levels), None)?;
                }
                FieldKind::Integer | FieldKind::Date => {
                    let values =
                        filled().map(|cell| integer(field, cell)).collect::<Result<Vec<i32>, _>>()?;
                    column.typed::<Int32Type>().write_batch(&values, Some(&levels), None)?;
                }
                FieldKind::Long => {
                    let values = filled()
                        .map(|cell| match cell {
                            Cell::Integer(value) => Ok(*value),
                            _ => unfit(field),
                        })
                        .collect::<Result<Vec<_>, _>>()?;
                    column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
                }
                FieldKind::DateTime => {
                    let values = filled().map(|cell| micros(field, cell)).collect::<Result<Vec<_>, _>>()?;
                    column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
                }
                FieldKind::Double => {
                    let values = filled().map(|cell| double(field, cell)).collect::<Result<Vec<_>, _>>()?;
                    column.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
                }
                FieldKind::Decimal => {
                    let values = filled().map(|cell| fixed(field, cell)).collect::<Result<Vec<_>, _>>()?;
                    column.typed::<FixedLenByteArrayType>().write_batch(&values, Some(&levels), None)?;
                }
                FieldKind::Text | FieldKind::Json => {
                    let values: Vec<ByteArray> = filled()
                        .map(|cell| match cell {
                            Cell::Text(text) if field.kind == FieldKind::Text => {
                                ByteArray::from(text.as_str())
                            }
                            Cell::Boolean(_) | Cell::Integer(_) | Cell::Decimal(_)
                                if field.kind == FieldKind::Text =>
                            {
                                ByteArray::from(csv_text(cell).into_bytes())
                            }
                            other => ByteArray::from(other.json().to_string().into_bytes()),
                        })
                        .collect();
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

fn unfit<T>(field: &Field) -> Result<T, Error> {
    Err(Error::View(format!("a value of the column {} is not of the type that it states", field.name)))
}

fn integer(field: &Field, cell: &Cell) -> Result<i32, Error> {
    match (field.kind, cell) {
        (FieldKind::Integer, Cell::Integer(value)) => i32::try_from(*value).or_else(|_| unfit(field)),
        (FieldKind::Date, Cell::Text(text)) => {
            let Ok(date) = text.parse::<jiff::civil::Date>() else { return unfit(field) };
            let epoch = jiff::civil::Date::constant(1970, 1, 1);
            epoch.until(date).map(|span| span.get_days()).or_else(|_| unfit(field))
        }
        _ => unfit(field),
    }
}

fn micros(field: &Field, cell: &Cell) -> Result<i64, Error> {
    let Cell::Text(text) = cell else { return unfit(field) };
    let Ok(time) = text.parse::<jiff::civil::DateTime>() else { return unfit(field) };
    let epoch = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    i64::try_from(epoch.duration_until(time).as_micros()).or_else(|_| unfit(field))
}

fn double(field: &Field, cell: &Cell) -> Result<f64, Error> {
    match cell {
        Cell::Decimal(digits) => digits.parse().or_else(|_| unfit(field)),
        _ => unfit(field),
    }
}

fn fixed(field: &Field, cell: &Cell) -> Result<FixedLenByteArray, Error> {
    let value = match cell {
        Cell::Integer(value) => Some(Decimal::from(*value)),
        Cell::Decimal(digits) => {
            Decimal::from_str_exact(digits).or_else(|_| Decimal::from_scientific(digits)).ok()
        }
        _ => None,
    };
    let Some(value) = value else { return unfit(field) };
    let mut scaled = value.normalize();
    scaled.rescale(DECIMAL_SCALE);
    // More places or digits than there is room for are refused, not rounded.
    if scaled != value || scaled.scale() != DECIMAL_SCALE {
        return unfit(field);
    }
    Ok(FixedLenByteArray::from(ByteArray::from(scaled.mantissa().to_be_bytes().to_vec())))
}

impl Table for Columns {
    fn row(&mut self, row: Row) -> Result<(), Error> {
        self.rows.push(row);
        if self.rows.len() >= GROUP_ROWS { self.group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.group()?;
        let file = self.writer.into_inner()?;
        Ok(file.sync_all()?)
    }
}
