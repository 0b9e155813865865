//! The command line's options.
use super::{Parsed, Program, environment, help};
use crate::config::Config;
use crate::{paths, platform};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// A message about wrong arguments, with the usage below it.
fn misuse(name: &str, message: &str) -> Parsed {
    let usage = help::USAGE;
    Parsed::Fail(format!("{message}\nusage: {name} {usage}\nTry `python -h' for more information.\n"), 2)
}

/// Parses arguments (with the program's name first) and the environment.
pub fn parse(args: &[OsString]) -> Parsed {
    let program_name = args.first().cloned().unwrap_or_else(|| platform::program_name().into());
    let name = program_name.to_string_lossy().into_owned();
    let mut reader = Reader { args, at: 1, show_version: 0, random_hashes: false, program: None };
    let mut config = Config { argv: Vec::new(), orig_argv: args.to_vec(), ..Config::default() };
    while reader.program.is_none() && reader.at < args.len() {
        match reader.option(&mut config, &name) {
            Ok(true) => {}
            Ok(false) => break,
            Err(parsed) => return *parsed,
        }
    }
    if reader.show_version > 0 {
        let (major, minor, micro) = platform::VERSION;
        return Parsed::Print(match reader.show_version {
            1 => format!("Python {major}.{minor}.{micro}\n"),
            _ => format!("Python {}\n", platform::version_text()),
        });
    }
    let mut at = reader.at;
    let program = match reader.program {
        Some(program) => program,
        None => match args.get(at) {
            Some(script) => {
                at += 1;
                config.argv.push(script.clone());
                Program::Script(script.clone())
            }
            None => {
                config.argv.push(OsString::new());
                Program::Input
            }
        },
    };
    config.argv.extend(args.iter().skip(at).cloned());
    if let Err(message) = environment::read(&mut config) {
        return Parsed::Fail(format!("Fatal Python error: {message}\n\n"), 1);
    }
    if reader.random_hashes {
        config.hash_seed = None;
    }
    paths::fill(&mut config, &program_name);
    Parsed::Run(Box::new(config), program)
}

/// Where the parser is.
struct Reader<'a> {
    args: &'a [OsString],
    at: usize,
    show_version: u32,
    random_hashes: bool,
    program: Option<Program>,
}

impl Reader<'_> {
    /// Reads the word at hand; whether options may follow.
    fn option(&mut self, config: &mut Config, name: &str) -> Result<bool, Box<Parsed>> {
        let arg = self.args[self.at].clone();
        let word = arg.as_bytes();
        if !word.starts_with(b"-") {
            return Ok(false);
        }
        self.at += 1;
        match word {
            b"-" => {
                self.program = Some(Program::Input);
                config.argv.push("-".into());
                return Ok(false);
            }
            b"--" => return Ok(false),
            b"--help" => return Err(Box::new(Parsed::Print(help::options(name)))),
            b"--help-env" => return Err(Box::new(Parsed::Print(help::ENVIRONMENT.to_owned()))),
            b"--help-xoptions" => return Err(Box::new(Parsed::Print(help::IMPLEMENTATION.to_owned()))),
            b"--help-all" => {
                let text = format!("{}\n{}\n{}", help::options(name), help::ENVIRONMENT, help::IMPLEMENTATION);
                return Err(Box::new(Parsed::Print(text)));
            }
            b"--version" => {
                self.show_version += 1;
                return Ok(true);
            }
            b"--check-hash-based-pycs" => {
                let Some(mode) = self.args.get(self.at) else {
                    let message = "Argument expected for the --check-hash-based-pycs options";
                    return Err(Box::new(misuse(name, message)));
                };
                self.at += 1;
                if !matches!(mode.as_bytes(), b"default" | b"always" | b"never") {
                    let message = "--check-hash-based-pycs must be one of 'default', 'always', or 'never'";
                    return Err(Box::new(misuse(name, message)));
                }
                config.check_hash_pycs_mode = mode.to_string_lossy().into_owned();
                return Ok(true);
            }
            _ if word.starts_with(b"--") => {
                let message = format!("Unknown option: {}", arg.to_string_lossy());
                return Err(Box::new(misuse(name, &message)));
            }
            _ => {}
        }
        self.letters(config, name, &word[1..])?;
        Ok(true)
    }

    /// Reads a group of one-letter options.
    fn letters(&mut self, config: &mut Config, name: &str, letters: &[u8]) -> Result<(), Box<Parsed>> {
        for (offset, letter) in letters.iter().enumerate() {
            match letter {
                b'b' => config.bytes_warning += 1,
                b'B' => config.write_bytecode = false,
                b'd' => config.parser_debug = true,
                b'E' => config.use_environment = false,
                b'i' => (config.inspect, config.interactive) = (true, true),
                b'I' => {
                    config.isolated = true;
                    config.use_environment = false;
                    config.user_site_directory = false;
                    config.safe_path = true;
                }
                b'O' => config.optimization_level += 1,
                b'P' => config.safe_path = true,
                b'q' => config.quiet = true,
                b'R' => self.random_hashes = true,
                b't' => {}
                b's' => config.user_site_directory = false,
                b'S' => config.import_site = false,
                b'u' => config.buffered_stdio = false,
                b'v' => config.verbose += 1,
                b'V' => self.show_version += 1,
                b'x' => config.skip_first_line = true,
                b'h' | b'?' => return Err(Box::new(Parsed::Print(help::options(name)))),
                b'W' | b'X' | b'c' | b'm' => {
                    // The value is the rest of the word or the next word.
                    let value = match &letters[offset + 1..] {
                        [] => {
                            self.at += 1;
                            self.args.get(self.at - 1).cloned()
                        }
                        rest => Some(OsStr::from_bytes(rest).to_owned()),
                    };
                    let Some(value) = value else {
                        let message = format!("Argument expected for the -{} option", char::from(*letter));
                        return Err(Box::new(misuse(name, &message)));
                    };
                    self.with_value(config, *letter, value);
                    return Ok(());
                }
                b'J' => return Err(Box::new(misuse(name, "-J is reserved for Jython"))),
                _ => {
                    let rest = String::from_utf8_lossy(&letters[offset..]);
                    let letter = rest.chars().next().unwrap_or('?');
                    return Err(Box::new(misuse(name, &format!("Unknown option: -{letter}"))));
                }
            }
        }
        Ok(())
    }

    fn with_value(&mut self, config: &mut Config, letter: u8, value: OsString) {
        match letter {
            b'W' => config.warn_options.push(value),
            b'X' => config.add_x_option(&value),
            b'c' => {
                self.program = Some(Program::Command(value));
                config.argv.push("-c".into());
            }
            _ => {
                self.program = Some(Program::Module(value));
                config.argv.push("-m".into());
            }
        }
    }
}
