#version 300 es
// A point on its way between two places, with the colour and the mark of its class.
in vec2 placeBefore;
in vec2 placeNow;
in float code;
in float flags; // 1: a text; 2: selected

uniform vec2 center;
uniform vec2 stretch;
uniform float progress;
uniform float size;
uniform int group; // 0: what is not selected; 1: what is; 2: all
uniform int spotlight; // the class that stands out, or -1
uniform float dimmed; // opacity of what does not
uniform float alpha;
uniform int palette;
uniform ivec2 markCounts; // of points, of texts
uniform sampler2D classes; // colour of each class; transparent where it is hidden

out vec3 color;
out float opacity;
flat out float mark;

void main() {
  int index = int(code);
  vec4 look = texelFetch(classes, ivec2(index & 255, index >> 8), 0);
  bool selected = flags > 1.5;
  bool text = mod(flags, 2.0) > 0.5;
  int turn = index / palette;
  mark = float(text ? markCounts.x + turn % markCounts.y : turn % markCounts.x);
  color = look.rgb;
  opacity = spotlight >= 0 && spotlight != index ? alpha * dimmed : alpha;
  gl_Position = vec4((mix(placeBefore, placeNow, progress) - center) * stretch, 0.0, 1.0);
  gl_PointSize = size;
  bool other = group < 2 && selected != (group == 1);
  if (look.a < 0.5 || other) gl_Position.x = 9.0; // out of the picture
}
