const KEY = "vizkit-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** What the reader chose on any page of the course; null where that is to follow the system. */
function chosen(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing
  }
}

const isDark = () => (chosen() ?? (system.matches ? "dark" : "light")) === "dark";

function show(dark: boolean): void {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.body.dataset.jpThemeLight = String(!dark); // the name that the widgets listen to
}

/** The theme of the page; paper is white, whatever the screen is. */
export function openTheme() {
  let onPaper = /[?&]print-pdf\b/.test(location.search);
  const update = () => show(isDark() && !onPaper);
  update();
  system.addEventListener("change", update);
  // Another page of the course changed it, in another tab.
  addEventListener("storage", ({ key }) => {
    if (key === KEY) update();
  });
  return {
    toggle(): void {
      const dark = document.documentElement.dataset.theme !== "dark";
      try {
        if (dark === system.matches)
          localStorage.removeItem(KEY); // follow the system again
        else localStorage.setItem(KEY, dark ? "dark" : "light");
      } catch {
        // The theme lasts as long as the page.
      }
      show(dark);
    },
    print(on: boolean): void {
      onPaper = on;
      update();
    },
  };
}
