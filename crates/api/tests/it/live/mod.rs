//! Live keys against the simulated WhatsApp: what the caller is told, and what the phone gets.

#[cfg(test)]
mod console_senders;
#[cfg(test)]
mod console_templates;
#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod fault_matrix;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod pumping;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod statuses;
#[cfg(test)]
mod stopped;
#[cfg(test)]
mod suspended;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod webhook_bodies;
