//! Measurements as they were written: the suite's, and beside them the peer's of the same run.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// One device, measured.
pub struct Run {
    /// The name of its files: `cuda-0`.
    pub stem: String,
    pub device: String,
    pub facts: Vec<(String, String)>,
    pub date: String,
    pub quick: bool,
    pub ceilings: Value,
    pub launch: Value,
    pub peer: Option<Peer>,
    /// The cuBLAS that products were raced against, or why there was none.
    pub rival: Option<String>,
    pub rows: Vec<Row>,
}

/// What measured the same cases.
pub struct Peer {
    pub name: String,
    pub launch: Value,
}

/// A product beside a rival, the two taking turns; times in seconds.
pub struct Race {
    /// `cuBLAS`, or `plain` for the same product without what follows it.
    pub rival: String,
    /// `ok`, or why there are no times.
    pub status: String,
    pub ours: Option<f64>,
    pub theirs: Option<f64>,
    /// How many times as fast as the rival.
    pub ratio: Option<f64>,
    /// The same against the rival's own choice, where it has one; if each product waits for the one before it; and if each multiplies what
    /// the one before it made, where it can.
    pub own: Option<f64>,
    pub waiting: Option<f64>,
    pub chain: Option<f64>,
}

/// A case with what it took, in seconds.
pub struct Row {
    pub group: String,
    pub work: String,
    pub dtype: String,
    /// The element type, and how it is computed where that can be chosen.
    pub precision: String,
    pub shape: Vec<u64>,
    pub status: String,
    pub flops: Option<f64>,
    pub bytes: f64,
    /// Whether the inputs together are so small that a cache may hold them.
    pub cached: bool,
    pub device: Option<f64>,
    pub call: Option<f64>,
    pub round_trip: Option<f64>,
    pub peer_device: Option<f64>,
    pub peer_call: Option<f64>,
    /// What the peer said of the case, if it was asked.
    pub peer_status: Option<String>,
    pub race: Option<Race>,
}

impl Race {
    fn new(race: &Value) -> Option<Self> {
        Some(Self {
            rival: race["rival"].as_str().unwrap_or("cuBLAS").to_owned(),
            status: race["status"].as_str()?.to_owned(),
            ours: race["ours_s"].as_f64(),
            theirs: race["theirs_s"].as_f64(),
            ratio: race["ratio"].as_f64(),
            own: race["own"].as_f64(),
            waiting: race["waiting"].as_f64(),
            chain: race["chain"].as_f64(),
        })
    }
}

impl Row {
    /// The race against `rival`, if there was one.
    pub fn race(&self, rival: &str) -> Option<&Race> {
        self.race.as_ref().filter(|race| race.rival == rival)
    }

    /// `1024x64x64x64`.
    pub fn size(&self) -> String {
        self.shape.iter().map(u64::to_string).collect::<Vec<_>>().join("x")
    }

    /// The device's time; for a transfer, which only the caller can time, the call's.
    pub fn seconds(&self) -> Option<f64> {
        self.device.or(if self.is_transfer() { self.call } else { None })
    }

    pub fn peer_seconds(&self) -> Option<f64> {
        self.peer_device.or(if self.is_transfer() { self.peer_call } else { None })
    }

    /// How many times as fast as the peer.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.peer_seconds()? / self.seconds()?)
    }

    /// Floating-point operations a second where arithmetic bounds the case, else bytes a second.
    pub fn rate(&self, seconds: f64) -> f64 {
        self.flops.unwrap_or(self.bytes) / seconds
    }

    /// The time that the case needs at the ceilings of arithmetic and memory, as a share of the time that it took.
    pub fn share(&self, ceilings: &Value) -> Option<f64> {
        let seconds = self.device?;
        let arithmetic = match self.flops {
            Some(flops) => Some(flops / ceilings["matmul_flops_per_s"][self.dtype.as_str()].as_f64()?),
            None => None,
        };
        let memory = if self.cached { None } else { Some(self.bytes / self.bandwidth(ceilings)?) };
        Some(arithmetic.into_iter().chain(memory).reduce(f64::max)? / seconds)
    }

    /// The bandwidth that bounds it: of reading where the result is small, else of a copy.
    fn bandwidth(&self, ceilings: &Value) -> Option<f64> {
        let reads = ["sum", "dot", "argmax"].iter().any(|work| self.work.starts_with(work));
        ceilings[if reads { "read_bytes_per_s" } else { "copy_bytes_per_s" }].as_f64()
    }

    fn is_transfer(&self) -> bool {
        matches!(self.work.as_str(), "host to device" | "device to host")
    }

    fn new(row: &Value, peer: Option<&Value>) -> Option<Self> {
        let text = |key: &str| row[key].as_str().map(str::to_owned);
        let beside = peer.map(|peer| &peer["cases"][row["id"].as_str().unwrap_or_default()]);
        let of_peer = |key: &str| beside.and_then(|row| row[key].as_f64());
        Some(Self {
            group: text("group")?,
            work: text("work")?,
            dtype: text("dtype")?,
            precision: text("precision").or_else(|| text("dtype"))?,
            shape: row["shape"].as_array()?.iter().map(Value::as_u64).collect::<Option<_>>()?,
            status: text("status")?,
            flops: row["flops"].as_f64(),
            bytes: row["bytes"].as_f64()?,
            cached: row["cached"].as_bool().unwrap_or(false),
            device: row["device_s"].as_f64(),
            call: row["call_s"].as_f64(),
            round_trip: row["round_trip_s"].as_f64(),
            peer_device: of_peer("device_s"),
            peer_call: of_peer("call_s"),
            peer_status: beside.and_then(|row| row["status"].as_str().map(str::to_owned)),
            race: Race::new(&row["race"]),
        })
    }
}

impl Run {
    /// The groups in the order in which they were measured.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = vec![];
        for row in &self.rows {
            if !groups.contains(&row.group.as_str()) {
                groups.push(&row.group);
            }
        }
        groups
    }

    pub fn group<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.group == name)
    }

    fn new(stem: String, ours: &Value, peer: Option<&Value>) -> Option<Self> {
        let device = &ours["device"];
        let facts = device["facts"].as_object().into_iter().flatten();
        Some(Self {
            stem,
            device: device["name"].as_str()?.to_owned(),
            facts: facts.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
            date: ours["date"].as_str()?.to_owned(),
            quick: ours["quick"].as_bool()?,
            ceilings: ours["ceilings"].clone(),
            launch: ours["launch"].clone(),
            peer: peer.map(|peer| Peer {
                name: peer["peer"].as_str().unwrap_or("PyTorch").to_owned(),
                launch: peer["launch"].clone(),
            }),
            rival: ours["rival"].as_str().map(str::to_owned),
            rows: ours["cases"].as_array()?.iter().map(|row| Row::new(row, peer)).collect::<Option<_>>()?,
        })
    }
}

/// The runs in `dir`: `NAME.json` each, with the peer's times in `NAME.torch.json`; CUDA first, the CPU last.
pub fn load(dir: &Path) -> Result<Vec<Run>, Box<dyn Error>> {
    let (mut ours, mut peers) = (vec![], BTreeMap::new());
    for entry in fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(stem) = name.strip_suffix(".json") else { continue };
        let json: Value = serde_json::from_str(&fs::read_to_string(&path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        match stem.strip_suffix(".torch") {
            Some(stem) => drop(peers.insert(stem.to_owned(), json)),
            None => ours.push((stem.to_owned(), json)),
        }
    }
    ours.sort_by_key(|(stem, _)| {
        (["cuda", "wgpu", "cpu"].iter().position(|kind| stem.starts_with(kind)), stem.clone())
    });
    let mut runs = vec![];
    for (stem, json) in ours {
        // A peer that measured a GPU stands beside every way to that GPU.
        let same_device = || peers.values().find(|peer: &&Value| peer["device"] == json["device"]["name"]);
        let peer = peers.get(&stem).or_else(same_device);
        let malformed = || format!("{}/{stem}.json is not what the suite writes", dir.display());
        runs.push(Run::new(stem.clone(), &json, peer).ok_or_else(malformed)?);
    }
    if runs.is_empty() {
        return Err(format!("no measurements in {}", dir.display()).into());
    }
    Ok(runs)
}
