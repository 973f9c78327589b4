//! Passwords: hashed with Argon2id, checked away from the threads that serve
//! connections, and remembered for a while once they were right.

use std::collections::HashMap;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::rand_core::{OsRng, RngCore};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use blake2::Blake2sMac256;
use blake2::digest::{FixedOutput, KeyInit, Mac};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::AuthError;

/// Users whose last right password is remembered.
const REMEMBERED_MAX: usize = 10_000;
/// Checks that may wait for their turn.
const WAITING_MAX: usize = 256;

/// An Argon2id hash with a salt of its own, as a PHC string.
///
/// # Errors
/// The text of what failed, such as a lack of memory.
pub fn hash(password: &str) -> Result<String, String> {
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

/// Whether a password is the one that was hashed.
#[must_use]
pub fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// Checks passwords.
pub struct Passwords {
    /// Of this process alone, so that what is remembered is of no use elsewhere.
    key: [u8; 32],
    /// By user. A new hash makes what is remembered worthless.
    right: Mutex<HashMap<String, Remembered>>,
    /// As many at one time as there are cores.
    turns: Arc<Semaphore>,
    /// Bounds those that wait.
    places: Semaphore,
    /// What the password of an unknown user is compared with.
    nobody: String,
}

struct Remembered {
    hash: String,
    mac: Blake2sMac256,
}

impl Default for Passwords {
    fn default() -> Self {
        let mut key = [0; 32];
        OsRng.fill_bytes(&mut key);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            key,
            right: Mutex::default(),
            turns: Arc::new(Semaphore::new(cores)),
            places: Semaphore::new(WAITING_MAX),
            nobody: hash("").unwrap_or_default(),
        }
    }
}

impl Passwords {
    /// Whether `password` is that of `user`, whose hash is given; for an unknown user
    /// `None` takes as long and is never right.
    ///
    /// # Errors
    /// [`AuthError::Busy`] when too many checks wait.
    pub async fn check(
        &self,
        user: &str,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool, AuthError> {
        let mac = self.mac(user, password);
        if let Some(hash) = hash
            && self.remembers(user, hash, &mac)
        {
            return Ok(true);
        }
        let _place = self.places.try_acquire().map_err(|_| AuthError::Busy)?;
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| AuthError::Busy)?;
        let known = hash.is_some();
        let against = hash.unwrap_or(&self.nobody).to_string();
        let (given, compared) = (password.to_string(), against.clone());
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            verify(&given, &compared)
        });
        let right = checked.await.unwrap_or(false) && known;
        if right {
            self.remember(user, against, mac);
        }
        Ok(right)
    }

    /// Users whose password is remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.right.lock().len()
    }

    fn mac(&self, user: &str, password: &str) -> Blake2sMac256 {
        // The key has the length that the algorithm takes.
        let mut mac = <Blake2sMac256 as KeyInit>::new((&self.key).into());
        mac.update(&(user.len() as u64).to_le_bytes());
        mac.update(user.as_bytes());
        mac.update(password.as_bytes());
        mac
    }

    fn remembers(&self, user: &str, hash: &str, mac: &Blake2sMac256) -> bool {
        let right = self.right.lock();
        let Some(known) = right.get(user).filter(|known| known.hash == hash) else {
            return false;
        };
        // In constant time.
        mac.clone()
            .verify(&known.mac.clone().finalize_fixed())
            .is_ok()
    }

    fn remember(&self, user: &str, hash: String, mac: Blake2sMac256) {
        let mut right = self.right.lock();
        if right.len() >= REMEMBERED_MAX && !right.contains_key(user) {
            right.clear();
        }
        right.insert(user.to_string(), Remembered { hash, mac });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_passes_and_hashes_differ() {
        let first = hash("secret").unwrap();
        assert!(first.starts_with("$argon2id$"));
        assert!(verify("secret", &first));
        assert!(!verify("Secret", &first));
        assert!(!verify("secret", "no hash"));
        assert_ne!(first, hash("secret").unwrap());
    }

    #[tokio::test]
    async fn a_new_hash_makes_the_old_password_wrong_at_once() {
        let passwords = Passwords::default();
        let old = hash("old").unwrap();
        assert_eq!(passwords.check("me", "old", Some(&old)).await, Ok(true));
        assert_eq!(passwords.remembered(), 1);
        assert_eq!(passwords.check("me", "old", Some(&old)).await, Ok(true));
        assert_eq!(passwords.check("me", "new", Some(&old)).await, Ok(false));
        let new = hash("new").unwrap();
        assert_eq!(passwords.check("me", "old", Some(&new)).await, Ok(false));
        assert_eq!(passwords.check("me", "new", Some(&new)).await, Ok(true));
    }

    #[tokio::test]
    async fn an_unknown_user_is_never_right() {
        let passwords = Passwords::default();
        assert_eq!(passwords.check("who", "", None).await, Ok(false));
        assert_eq!(passwords.remembered(), 0);
    }
}
