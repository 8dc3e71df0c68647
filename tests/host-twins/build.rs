//! Compiles every file of `twins/` with the host's C++ compiler.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files = std::fs::read_dir("twins")?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "cpp"));
    files.sort();
    let include = "../../cuda/include";
    for watched in ["build.rs", "twins", include] {
        println!("cargo::rerun-if-changed={watched}");
    }
    // No contraction: what nvcc fuses is its own business, and a twin's result must not depend on the host's FMA.
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .flag_if_supported("-ffp-contract=off")
        // Pragmas that are for nvcc.
        .flag_if_supported("-Wno-unknown-pragmas")
        .opt_level(2)
        .include(include)
        .files(files)
        .try_compile("tilework_host_twins")?;
    Ok(())
}
