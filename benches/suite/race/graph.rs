//! Calls recorded as one CUDA graph: launched at once, they cost the host nothing while the device is timed.

use std::error::Error;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::time::Duration;

use cudarc::driver::sys::{self, CUresult};
use tilework::Device;

/// Recorded calls, bound to the memory that they used.
pub struct Graph {
    executable: sys::CUgraphExec,
    stream: sys::CUstream,
}

impl Graph {
    /// Records what `calls` enqueues on `stream`, the only stream of its device, whose context is current.
    ///
    /// The calls must have run before, so that nothing is loaded or allocated while it is recorded.
    pub fn record(
        stream: *mut c_void,
        calls: impl FnOnce() -> Result<(), Box<dyn Error>>,
    ) -> Result<Self, Box<dyn Error>> {
        let stream: sys::CUstream = stream.cast();
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the caller's stream lives as long as its device.
        checked("beginning to record", unsafe { sys::cuStreamBeginCapture_v2(stream, mode) })?;
        let called = calls();
        let mut graph = null_mut();
        // SAFETY: the recording that was begun above ends here, whatever the calls did.
        let ended = checked("recording", unsafe { sys::cuStreamEndCapture(stream, &mut graph) });
        called.and(ended)?;
        let mut executable = null_mut();
        // SAFETY: the graph was recorded above.
        let made = checked("making a graph", unsafe { sys::cuGraphInstantiateWithFlags(&mut executable, graph, 0) });
        // SAFETY: the executable, if there is one, does not refer to the graph that it was made of.
        unsafe { sys::cuGraphDestroy(graph) };
        made.map(|()| Self { executable, stream })
    }

    /// How long `device` takes for all the calls, by its clock.
    ///
    /// The memory that the recorded calls used must not have been given to anybody else.
    pub fn time(&self, device: &Device) -> Result<Duration, Box<dyn Error>> {
        // What the library's next operation reads, the graph may write.
        device.cuda_stream();
        // SAFETY: the graph lives until its stream has passed the second mark, which `time` waits for.
        let (code, time) = device.time(|| Ok(unsafe { sys::cuGraphLaunch(self.executable, self.stream) }))?;
        checked("launching a graph", code)?;
        Ok(time)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: every launch was waited for.
        unsafe { sys::cuGraphExecDestroy(self.executable) };
    }
}

fn checked(what: &str, code: CUresult) -> Result<(), Box<dyn Error>> {
    if code == CUresult::CUDA_SUCCESS { Ok(()) } else { Err(format!("{what} failed: {code:?}").into()) }
}
