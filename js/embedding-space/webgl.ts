import type { SpaceData } from "./data.ts";
import lineFragment from "./line.frag.glsl";
import lineVertex from "./line.vert.glsl";
import { FIRST_TEXT_MARK, MARKS, PALETTE, REACH } from "./marks.ts";
import { openMasks } from "./masks.ts";
import pointFragment from "./point.frag.glsl";
import pointVertex from "./point.vert.glsl";
import { DIMMED, type Drawing, LEAST_RADIUS, LEAST_RIM, type Renderer } from "./renderer.ts";

/** Where the attributes are, in both programs. */
const ATTRIBUTES = { placeBefore: 0, placeNow: 1, code: 2, flags: 3 };

/** Whether a processor plays this page's graphics card; undefined as long as nobody has asked. */
let played: boolean | undefined;

/** The points on the graphics card; null where there is no WebGL2, or where a canvas is several times as fast. */
export function openWebGL(canvas: HTMLCanvasElement, data: SpaceData): Renderer | null {
  if (played) return null;
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false });
  if (!gl || gl.isContextLost()) return null;
  played ??= isPlayed(gl);
  if (played) {
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return null;
  }
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const points = programOf(gl, pointVertex, pointFragment);
  const lines = programOf(gl, lineVertex, lineFragment);
  const buffers = openBuffers(gl, data);
  const classes = gl.createTexture();
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_2D, classes);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.activeTexture(gl.TEXTURE1);
  const fitMasks = openMasks(gl);
  gl.useProgram(points.program);
  gl.uniform1i(points.at("classes"), 0);
  gl.uniform1i(points.at("masks"), 1);
  gl.uniform1i(points.at("palette"), PALETTE);
  gl.uniform2i(points.at("markCounts"), FIRST_TEXT_MARK, MARKS.length - FIRST_TEXT_MARK);
  return {
    kind: "webgl2",
    setFlags: buffers.setFlags,
    setPairs: buffers.setPairs,
    setColors(colors) {
      gl.activeTexture(gl.TEXTURE0);
      const rows = colors.length / 1024;
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, colors);
    },
    draw(drawing) {
      const [red, green, blue] = drawing.paper;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(red, green, blue, 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
      if (drawing.lines) drawLines(gl, lines, buffers, drawing);
      drawPoints(gl, points, buffers, drawing, data.count, fitMasks);
      return drawing.passes < drawing.stride ? Math.ceil(data.count / drawing.stride) : data.count;
    },
    close: () => gl.getExtension("WEBGL_lose_context")?.loseContext(),
  };
}

type GL = WebGL2RenderingContext;

/** Whether a processor plays the graphics card. `failIfMajorPerformanceCaveat` knows it in some set-ups only. */
function isPlayed(gl: GL): boolean {
  const plain = String(gl.getParameter(gl.RENDERER));
  // Firefox tells the name as it is, and complains of the extension, which the others need.
  const info = plain.startsWith("WebKit") ? gl.getExtension("WEBGL_debug_renderer_info") : null;
  const name = info ? String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL)) : plain;
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

interface Program {
  program: WebGLProgram;
  at(uniform: string): WebGLUniformLocation | null;
}

function programOf(gl: GL, vertex: string, fragment: string): Program {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(kind);
    if (!shader) continue; // the context is lost: drawing does nothing
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  for (const [name, place] of Object.entries(ATTRIBUTES)) gl.bindAttribLocation(program, place, name);
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost())
    throw new Error(`the points' program does not link: ${gl.getProgramInfoLog(program)}`);
  const known = new Map<string, WebGLUniformLocation | null>();
  return {
    program,
    at(uniform) {
      if (!known.has(uniform)) known.set(uniform, gl.getUniformLocation(program, uniform));
      return known.get(uniform) ?? null;
    },
  };
}

type Buffers = ReturnType<typeof openBuffers>;

function openBuffers(gl: GL, { codes, count, maps }: SpaceData) {
  const upload = (bytes: AllowSharedBufferSource, kind: GLenum = gl.ARRAY_BUFFER) => {
    const buffer = gl.createBuffer();
    gl.bindBuffer(kind, buffer);
    gl.bufferData(kind, bytes, gl.STATIC_DRAW);
    return buffer;
  };
  const classes = upload(codes as Uint8Array<ArrayBuffer>);
  const width = codes.BYTES_PER_ELEMENT;
  const codeType = width > 1 ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE;
  let flags: WebGLBuffer | null = null;
  let pairs: WebGLBuffer | null = null;
  const uploaded = new Map<string, WebGLBuffer | null>();
  const bindPlaces = ({ from, to }: Drawing, stride: number, first: number) => {
    for (const [{ name, step }, place] of [
      [from, ATTRIBUTES.placeBefore],
      [to, ATTRIBUTES.placeNow],
    ] as const) {
      const points = maps.get(name)?.points;
      if (!uploaded.has(name) && points) uploaded.set(name, upload(points as Uint16Array<ArrayBuffer>));
      gl.bindBuffer(gl.ARRAY_BUFFER, uploaded.get(name) ?? null);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 2, gl.UNSIGNED_SHORT, true, 4 * stride, 4 * (step * count + first));
    }
  };
  const buffers = {
    strong: 0,
    ends: 0,
    setFlags(bytes: Uint8Array) {
      gl.deleteBuffer(flags);
      flags = upload(bytes as Uint8Array<ArrayBuffer>);
    },
    setPairs(ends: Uint32Array, strong: number) {
      gl.deleteBuffer(pairs);
      pairs = upload(ends as Uint32Array<ArrayBuffer>, gl.ELEMENT_ARRAY_BUFFER);
      Object.assign(buffers, { strong, ends: ends.length });
    },
    /** Binds every `stride`-th point from `first` on. */
    bindPoints(drawing: Drawing, stride: number, first: number) {
      bindPlaces(drawing, stride, first);
      gl.enableVertexAttribArray(ATTRIBUTES.code);
      gl.enableVertexAttribArray(ATTRIBUTES.flags);
      gl.bindBuffer(gl.ARRAY_BUFFER, classes);
      gl.vertexAttribPointer(ATTRIBUTES.code, 1, codeType, false, width * stride, width * first);
      gl.bindBuffer(gl.ARRAY_BUFFER, flags);
      gl.vertexAttribPointer(ATTRIBUTES.flags, 1, gl.UNSIGNED_BYTE, false, stride, first);
    },
    bindLines(drawing: Drawing) {
      bindPlaces(drawing, 1, 0);
      gl.disableVertexAttribArray(ATTRIBUTES.code);
      gl.disableVertexAttribArray(ATTRIBUTES.flags);
    },
  };
  return buffers;
}

function setView(gl: GL, { program, at }: Program, { center, stretch, progress }: Drawing): void {
  gl.useProgram(program);
  gl.uniform2fv(at("center"), center);
  gl.uniform2fv(at("stretch"), stretch);
  gl.uniform1f(at("progress"), progress);
}

function drawLines(gl: GL, program: Program, buffers: Buffers, drawing: Drawing): void {
  setView(gl, program, drawing);
  buffers.bindLines(drawing);
  const { strong, ends } = buffers;
  const stretches = [
    [0, strong, DIMMED],
    [strong, ends - strong, 1],
  ];
  for (const [first, count, share] of stretches) {
    const alpha = drawing.lineAlpha * share;
    gl.uniform4fv(program.at("ink"), [...drawing.line.map((part) => part * alpha), alpha]);
    if (count) gl.drawElements(gl.LINES, count, gl.UNSIGNED_INT, 4 * first);
  }
}

function drawPoints(
  gl: GL,
  program: Program,
  buffers: Buffers,
  drawing: Drawing,
  count: number,
  fitMasks: (size: number) => void,
): void {
  const { radius, stride, passes, selection, alpha } = drawing;
  const { at } = program;
  const plain = radius < LEAST_RADIUS;
  const size = 2 * radius * (plain ? 1 : REACH);
  if (!plain) fitMasks(size);
  setView(gl, program, drawing);
  gl.uniform1f(at("size"), size);
  gl.uniform1i(at("plain"), Number(plain));
  gl.uniform1i(at("rimmed"), Number(radius > LEAST_RIM));
  gl.uniform3fv(at("paper"), drawing.paper);
  gl.uniform1i(at("spotlight"), drawing.spotlight);
  gl.uniform1f(at("dimmed"), DIMMED);
  // With a selection, the others first and faint, then what is selected, opaque.
  for (const group of selection ? [0, 1] : [2]) {
    gl.uniform1i(at("group"), group);
    gl.uniform1f(at("alpha"), group === 0 ? alpha * DIMMED : group === 1 ? 1 : alpha);
    // Interleaved passes: no class lies on top of the others only because it came last.
    for (let pass = 0; pass < Math.min(passes, count); pass++) {
      buffers.bindPoints(drawing, stride, pass);
      gl.drawArrays(gl.POINTS, 0, Math.ceil((count - pass) / stride));
    }
  }
}
