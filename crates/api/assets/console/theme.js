// Before the first paint: the look that was chosen in this browser. Without a choice the system's is taken.
try {
  const theme = localStorage.getItem("whatotp.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* storage may be switched off */ }
