//! A CPU that runs guests.

use alloc::boxed::Box;
use core::marker::PhantomData;

use spin::Once;
use switchlab_core::svm::Svm;
use x86_64::registers::control::Cr4Flags;

use super::{Why, pages::Page};
use crate::{
    arch::{fpu, svm},
    mm::SharedPage,
};

/// What no guest may do: ports (APM vol. 2, 15.10.1) and MSRs (15.11), a bit for each.
#[derive(Debug)]
struct Permissions {
    ports: [SharedPage; 3],
    msrs: [SharedPage; 2],
}

static PERMISSIONS: Once<Option<Permissions>> = Once::new();

/// What was in the FPU's registers, and whether FXSAVE saved all of them.
#[derive(Debug)]
struct HostFpu {
    state: Box<fpu::FpuState>,
    cr4: Cr4Flags,
}

/// Stands for SVM being on on the running CPU, until it is dropped. Stays there, as the task does that holds it.
#[derive(Debug)]
pub struct Host {
    svm: Svm,
    /// Where VMRUN saves the host.
    _save_area: Page,
    /// Where VMSAVE saved the host.
    _vmcb: Page,
    /// Its physical address.
    vmcb: u64,
    permissions: &'static Permissions,
    fpu: Option<HostFpu>,
    stays: PhantomData<*mut ()>,
}

impl Host {
    /// Turns SVM on on the running CPU. FS, GS, TR, LDTR and the MSRs of system calls may not change from here on.
    ///
    /// # Errors
    ///
    /// [`Why`] there are no guests here.
    pub fn begin() -> Result<Self, Why> {
        let svm = svm::detect()?;
        let permissions = PERMISSIONS.call_once(all_forbidden).as_ref().ok_or(Why::OutOfMemory)?;
        let (save_area, page) = (Page::take()?, Page::take()?);
        let vmcb = page.physical();
        // SAFETY: the CPU has SVM; both pages are this CPU's until `drop`, which turns it off.
        unsafe {
            svm::enable(save_area.physical());
            svm::save_host(vmcb);
        }
        Ok(Self { svm, _save_area: save_area, _vmcb: page, vmcb, permissions, fpu: None, stays: PhantomData })
    }

    /// Lets guests have an FPU here: saves what is in its registers, which comes back at the end.
    pub fn allow_fpu(&mut self) {
        if self.fpu.is_none() {
            let mut host = HostFpu { cr4: fpu::turn_on(), state: Box::new(fpu::FpuState::initial()) };
            // SAFETY: turned on just now.
            unsafe { host.state.save() };
            self.fpu = Some(host);
        }
    }

    /// Whether [`allow_fpu`](Self::allow_fpu) was called.
    pub fn has_fpu(&self) -> bool {
        self.fpu.is_some()
    }

    /// What the CPU has.
    pub fn svm(&self) -> Svm {
        self.svm
    }

    /// Physical address of the host's VMCB.
    #[inline(always)]
    pub(super) fn vmcb(&self) -> u64 {
        self.vmcb
    }

    /// Physical addresses of the permission maps for ports and for MSRs.
    pub(super) fn permissions(&self) -> (u64, u64) {
        (self.permissions.ports[0].physical(), self.permissions.msrs[0].physical())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(HostFpu { state, cr4 }) = &self.fpu {
            // SAFETY: `allow_fpu` turned it on; what guests left in the registers is theirs, and saved.
            unsafe { state.restore() };
            fpu::turn_back(*cr4);
        }
        // SAFETY: `begin` turned it on, on this CPU, since this neither is sent nor leaves its task.
        unsafe { svm::disable() };
    }
}

fn all_forbidden() -> Option<Permissions> {
    let mut permissions =
        Permissions { ports: SharedPage::allocate_contiguous()?, msrs: SharedPage::allocate_contiguous()? };
    permissions.ports.iter_mut().chain(&mut permissions.msrs).for_each(|page| page.fill(u64::MAX));
    Some(permissions)
}
