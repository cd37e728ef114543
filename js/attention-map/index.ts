import { render } from "./view.js";

export default { render };
