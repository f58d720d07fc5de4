//! `Error`: one public error, its kind named by what the reader does next.
//!
//! Owns the form in which problems are shown (what happened, where, why, `help:`). Owns no policy:
//! who retries and who stops is the runner's.

use std::fmt;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of problem it is, by the reader's next move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The pipeline cannot mean anything: change the code.
    InvalidPipeline,
    /// This runner cannot do it: choose another.
    Unsupported,
    /// User code failed: fix the function.
    UserCode,
    /// The input is wrong: fix it or route it to a dead-letter output.
    Data,
    /// Something outside is not there (a file, a server, disk space).
    Unavailable,
    /// Saved state does not fit the pipeline.
    Incompatible,
    /// A defect of Whitebeam: report it.
    Internal,
}

impl ErrorKind {
    fn code(self) -> &'static str {
        match self {
            ErrorKind::InvalidPipeline => "P000",
            ErrorKind::Unsupported => "R001",
            ErrorKind::UserCode => "U001",
            ErrorKind::Data => "D001",
            ErrorKind::Unavailable => "A001",
            ErrorKind::Incompatible => "R102",
            ErrorKind::Internal => "I001",
        }
    }
}

/// What went wrong, where, why it matters and what to do.
pub struct Error(Box<Body>);

struct Body {
    kind: ErrorKind,
    code: Option<&'static str>,
    message: String,
    step: Option<String>,
    code_line: Option<String>,
    position: Option<String>,
    notes: Vec<String>,
    help: Vec<String>,
    related: Vec<Error>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` says what happened.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Body {
            kind,
            code: None,
            message: message.into(),
            step: None,
            code_line: None,
            position: None,
            notes: Vec::new(),
            help: Vec::new(),
            related: Vec::new(),
            source: None,
        }))
    }

    /// Wrong input.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// Something outside that is missing or refuses.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// User code failed.
    pub fn user_code(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::UserCode, message)
    }

    /// A defect of Whitebeam itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
            .help("this is a defect of Whitebeam: please report it, with this text")
    }

    /// Adds the stable code of the problem, such as `P007`.
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    /// Adds the step's path, unless a step nearer to the cause is known already.
    pub fn at_step(mut self, step: impl Into<String>) -> Self {
        self.0.step.get_or_insert_with(|| step.into());
        self
    }

    /// Adds the line of user code that made the step, unless it is known already.
    pub fn at_line(mut self, line: impl Into<String>) -> Self {
        self.0.code_line.get_or_insert_with(|| line.into());
        self
    }

    /// Adds the position in the input, such as `orders.csv line 17`, unless it is known already.
    pub fn at_position(mut self, position: impl Into<String>) -> Self {
        self.0.position.get_or_insert_with(|| position.into());
        self
    }

    /// Adds a line that says why it matters.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.0.notes.push(note.into());
        self
    }

    /// Adds a remedy, with the words to type.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help.push(help.into());
        self
    }

    /// Adds what caused it.
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// One error that reports all of `errors`; `None` if there are none.
    pub fn all(errors: Vec<Error>) -> Option<Error> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        first.0.related.extend(errors);
        Some(first)
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code, such as `P007`.
    pub fn code(&self) -> &'static str {
        self.0.code.unwrap_or(self.0.kind.code())
    }

    /// What happened, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The path of the step, where known.
    pub fn step(&self) -> Option<&str> {
        self.0.step.as_deref()
    }

    /// The position in the input, where known.
    pub fn position(&self) -> Option<&str> {
        self.0.position.as_deref()
    }

    /// Further problems found in the same check.
    pub fn related(&self) -> &[Error] {
        &self.0.related
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = &self.0;
        write!(f, "error[{}]: {}", self.code(), body.message)?;
        match (&body.step, &body.code_line) {
            (Some(step), Some(line)) => write!(f, "\n  step  {step}        {line}")?,
            (Some(step), None) => write!(f, "\n  step  {step}")?,
            (None, Some(line)) => write!(f, "\n  at    {line}")?,
            (None, None) => {}
        }
        if let Some(position) = &body.position {
            write!(f, "\n  input {position}")?;
        }
        for note in &body.notes {
            write!(f, "\n  {note}")?;
        }
        let mut cause = body.source.as_deref().map(|e| e as &dyn std::error::Error);
        while let Some(e) = cause {
            write!(f, "\n  cause: {e}")?;
            cause = e.source();
        }
        for help in &body.help {
            write!(f, "\n  help: {help}")?;
        }
        for other in &body.related {
            write!(f, "\n{other}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `fn main() -> Result` prints errors with Debug: users must see the same text.
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}
