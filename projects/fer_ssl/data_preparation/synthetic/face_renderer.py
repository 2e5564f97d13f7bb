"""Draw a cartoon face from action-unit intensities.

What each action unit (AU) does to the drawing follows its description in
Ekman and Friesen, "Facial Action Coding System" (1978): AU1/AU2 raise the
inner/outer brow, AU4 lowers the brows and draws them together, AU6 raises the
cheek and the lower lid, AU7 tightens the lids, AU10 raises the upper lip and
wrinkles the nose side, AU12/AU15 pull the lip corners up/down, AU23/AU24
tighten/press the lips, AU25 parts them, AU26 drops the jaw.

In face coordinates, x points to the right of the image and y down, and the
head is about 1.4 wide and 1.9 high around (0, 0). Points are turned on an
ellipsoid (yaw, pitch), then rolled, scaled and shifted in the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .expressions import MAX_INTENSITY, FacialAction

_SUPER_SAMPLING = 3
_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates
_BEZIER_T = np.linspace(0, 1, 9)[:, None]

# blue, green, red
_SKINS = np.array(
    [
        (196, 214, 240),
        (170, 192, 228),
        (140, 172, 216),
        (105, 145, 200),
        (80, 115, 170),
        (58, 85, 130),
        (42, 60, 96),
    ],
    dtype=float,
)
_HAIRS = np.array(
    [
        (25, 25, 28),
        (30, 45, 70),
        (45, 75, 115),
        (95, 150, 195),
        (150, 200, 225),
        (40, 65, 150),
        (165, 165, 165),
    ],
    dtype=float,
)
_IRISES = np.array(
    [(40, 60, 90), (35, 45, 60), (150, 120, 70), (90, 130, 80)], dtype=float
)


@dataclass
class Identity:
    """What stays the same in all images of one person.

    Geometry values are factors around 1 or offsets around 0 in face
    coordinates; colors are (3,) arrays of blue, green and red in [0, 255]. The
    resting brow tilt and mouth curve make some people look sad, angry or
    amused at rest, which cannot be distinguished from an expression in a
    single frame.
    """

    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    head_width: float
    jaw_width: float
    chin: float
    eye_size: float
    eye_distance: float
    brow_height: float
    brow_tilt: float
    brow_thickness: float
    nose_length: float
    nose_width: float
    mouth_width: float
    mouth_height: float
    mouth_curve: float
    lip_thickness: float
    hairline: float
    long_hair: bool
    beard: float
    glasses: bool

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Identity:
        """Draw a person."""

        def factor(std: float) -> float:
            return float(np.clip(1 + std * rng.standard_normal(), 0.5, 1.6))

        def offset(std: float) -> float:
            return float(std * np.clip(rng.standard_normal(), -2, 2))

        tone = rng.uniform(0, len(_SKINS) - 1)
        low = int(tone)
        skin = _SKINS[low] + (tone - low) * (
            _SKINS[min(low + 1, len(_SKINS) - 1)] - _SKINS[low]
        )
        hair = _HAIRS[rng.integers(len(_HAIRS))] + rng.normal(0, 8, 3)
        long_hair = bool(rng.random() < 0.45)
        has_beard = not long_hair and rng.random() < 0.4
        return cls(
            skin=np.clip(skin + rng.normal(0, 5, 3), 0, 255),
            hair=np.clip(hair, 0, 255),
            iris=_IRISES[rng.integers(len(_IRISES))],
            head_width=factor(0.05),
            jaw_width=factor(0.1),
            chin=offset(0.05),
            eye_size=factor(0.13),
            eye_distance=factor(0.06),
            brow_height=offset(0.025),
            brow_tilt=offset(0.02),
            brow_thickness=factor(0.25),
            nose_length=factor(0.12),
            nose_width=factor(0.18),
            mouth_width=factor(0.1),
            mouth_height=offset(0.025),
            mouth_curve=offset(0.018),
            lip_thickness=factor(0.25),
            hairline=float(rng.uniform(-0.72, -0.5)),
            long_hair=long_hair,
            beard=float(rng.uniform(0.3, 0.9)) if has_beard else 0.0,
            glasses=bool(rng.random() < 0.2),
        )


@dataclass
class Conditions:
    """How the image was taken.

    Args:
        yaw, pitch, roll: Head pose in radians.
        scale: Size of the head; 1 fills the image.
        shift: Offset (x, y) in face coordinates.
        light: Relative gain in brightness from left to right and from top
            to bottom.
        brightness: Factor on all pixels.
        contrast: Factor around mid gray.
        tint: Factor per channel (B, G, R).
        background: Color (B, G, R) in [0, 255].
        blur: Sigma of a Gaussian blur in pixels; 0 is sharp.
        noise: Std of the pixel noise in gray levels.
        occluder: Center x and y, radius and angle (rad) of a hand or an
            object in face coordinates.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    shift: tuple = (0.0, 0.0)
    light: tuple = (0.0, 0.0)
    brightness: float = 1.0
    contrast: float = 1.0
    tint: tuple = (1.0, 1.0, 1.0)
    background: tuple = (128.0, 128.0, 128.0)
    blur: float = 0.0
    noise: float = 2.0
    occluder: tuple | None = None

    @classmethod
    def sample(cls, variation: float, rng: np.random.Generator) -> Conditions:
        """Draw the conditions of an image, scaled by ``variation``."""
        normal = rng.standard_normal(12) * variation
        return cls(
            yaw=float(np.clip(0.2 * normal[0], -0.6, 0.6)),
            pitch=float(np.clip(0.12 * normal[1], -0.4, 0.4)),
            roll=float(np.clip(0.1 * normal[2], -0.4, 0.4)),
            scale=float(np.exp(0.07 * normal[3])),
            shift=(0.05 * normal[4], 0.05 * normal[5]),
            light=(0.3 * normal[6], 0.15 * normal[7]),
            brightness=float(np.exp(0.22 * np.clip(normal[8], -2.5, 2.5))),
            contrast=float(np.exp(0.2 * np.clip(normal[9], -2.5, 2.5))),
            tint=tuple(np.exp(0.07 * variation * rng.standard_normal(3))),
            background=tuple(rng.uniform(20, 235, 3)),
            blur=float(max(0.0, 0.5 * normal[10])),
            noise=float(2 + abs(3 * normal[11])),
            occluder=(
                sample_occluder(rng)
                if rng.random() < 0.1 * variation
                else None
            ),
        )


def sample_occluder(rng: np.random.Generator) -> tuple:
    """Draw the place of a hand or an object in front of the face."""
    return (
        float(rng.uniform(-0.6, 0.6)),
        float(rng.uniform(-0.5, 0.9)),
        float(rng.uniform(0.18, 0.38)),
        float(rng.uniform(0, np.pi)),
    )


def render_face(
    action: FacialAction,
    identity: Identity,
    conditions: Conditions,
    size: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Render one face.

    Args:
        action: What the face does.
        identity: Who it is.
        conditions: How the image is taken.
        size: Side of the square image in pixels.
        rng: Source of the pixel noise.

    Returns:
        Image (size, size, 3), uint8, channels B, G, R.
    """
    canvas = _Canvas(size * _SUPER_SAMPLING, conditions)
    _Face(action, identity).draw(canvas)
    if conditions.occluder is not None:
        _draw_hand(canvas, conditions.occluder, identity.skin)
    image = cv2.resize(
        canvas.image, (size, size), interpolation=cv2.INTER_AREA
    )
    return _expose(image, conditions, rng)


class _Canvas:
    """An image to draw on in face coordinates."""

    def __init__(self, size: int, conditions: Conditions) -> None:
        self.image = np.empty((size, size, 3), np.uint8)
        self.image[:] = conditions.background
        # the head (about 2 high) fills the image at scale 1
        self.zoom = 0.5 * size * conditions.scale
        self._turn = (conditions.yaw, conditions.pitch)
        cos, sin = np.cos(conditions.roll), np.sin(conditions.roll)
        self._roll = self.zoom * np.array([[cos, sin], [-sin, cos]])
        self._center = 0.5 * size + self.zoom * np.array(conditions.shift)

    def pixels(self, points: np.ndarray, flat: bool) -> np.ndarray:
        """Convert points (n, 2) to fixed-point pixel coordinates, int32.

        Args:
            points: Face coordinates.
            flat: Skip yaw and pitch.
        """
        if not flat:
            points = self._turned(points)
        pixels = points @ self._roll + self._center
        return np.rint(pixels * (1 << _SHIFT)).astype(np.int32)

    def _turned(self, points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        depth = 0.75 * np.sqrt(np.clip(1 - (x / 0.95) ** 2 - y**2 / 1.6, 0, 1))
        yaw, pitch = self._turn
        return np.stack(
            [
                x * np.cos(yaw) + depth * np.sin(yaw),
                y * np.cos(pitch) + depth * np.sin(pitch),
            ],
            axis=1,
        )

    def polygon(
        self, points: np.ndarray, color: np.ndarray, flat: bool = False
    ) -> None:
        cv2.fillPoly(
            self.image,
            [self.pixels(points, flat)],
            color.tolist(),
            cv2.LINE_AA,
            _SHIFT,
        )

    def line(
        self,
        points: np.ndarray,
        color: np.ndarray,
        width: float,
        closed: bool = False,
    ) -> None:
        """Draw a line whose width is in face coordinates."""
        cv2.polylines(
            self.image,
            [self.pixels(points, False)],
            closed,
            color.tolist(),
            max(1, round(width * self.zoom)),
            cv2.LINE_AA,
            _SHIFT,
        )


def _curve(start: tuple, middle: tuple, end: tuple) -> np.ndarray:
    """Return a quadratic curve (9, 2) through three points."""
    start, middle, end = np.array([start, middle, end])
    control = 2 * middle - 0.5 * (start + end)
    t = _BEZIER_T
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end


_ANGLES = np.linspace(0, 2 * np.pi, 28, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def _ellipse(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Return the outline (28, 2) of an ellipse around (x, y)."""
    return _CIRCLE * (width, height) + (x, y)


class _Face:
    """Geometry of one face and the drawing of its parts, back to front."""

    def __init__(self, action: FacialAction, identity: Identity) -> None:
        self.identity = identity
        self.blink = action.blink
        strength = action.action_units / MAX_INTENSITY
        side = np.clip(1 + action.asymmetry * np.array([-1, 1]), 0, 1)
        # (12, 2): left and right side of the image
        (
            self.inner_up,
            self.outer_up,
            self.brow_down,
            self.cheek_up,
            self.lid_tight,
            self.lip_up,
            self.corner_up,
            self.corner_down,
            self.lip_tight,
            self.lip_press,
            self.lips_part,
            self.jaw_drop,
        ) = strength[:, None] * side
        # jaw drop and lips part are symmetric
        self.jaw = strength[11]
        self.part = strength[10]
        self.skin = identity.skin
        self.fold = 0.62 * identity.skin
        self.line = 0.35 * identity.skin
        self.chin = 0.95 + identity.chin + 0.12 * self.jaw

    def draw(self, canvas: _Canvas) -> None:
        self._head(canvas)
        for index, sign in enumerate((-1, 1)):
            self._cheek(canvas, index, sign)
            self._eye(canvas, index, sign)
            self._brow(canvas, index, sign)
        self._forehead(canvas)
        self._nose(canvas)
        self._mouth(canvas)
        if self.identity.glasses:
            self._glasses(canvas)

    def _head(self, canvas: _Canvas) -> None:
        who = self.identity
        width = 0.72 * who.head_width
        back = 1.15 if who.long_hair else 0.35
        hair = _ellipse(0, -0.3, width * 1.22, 0.82)
        canvas.polygon(hair, who.hair, flat=True)
        if who.long_hair:
            locks = np.array(
                [(-1, -0.3), (1, -0.3), (1.05, back), (-1.05, back)]
            )
            canvas.polygon(locks * (width * 1.2, 1), who.hair, flat=True)
        neck = np.array([(-1, 0.4), (1, 0.4), (1.15, 1.6), (-1.15, 1.6)])
        canvas.polygon(neck * (0.4, 1), 0.8 * self.skin, flat=True)
        for sign in (-1, 1):
            ear = _ellipse(sign * width, 0.0, 0.1, 0.2)
            canvas.polygon(ear, 0.9 * self.skin, flat=True)
        outline = _CIRCLE * (width, 0.95)
        lower = outline[:, 1] > 0
        # below the eyes, the head narrows toward the chin
        narrow = 1 - (1 - 0.8 * who.jaw_width) * outline[lower, 1] ** 2
        outline[lower, 0] *= narrow
        outline[lower, 1] *= self.chin / 0.95
        canvas.polygon(outline, self.skin, flat=True)
        if who.beard:
            beard = outline[outline[:, 1] > 0.15]
            cheek = _curve(beard[-1], (0, 0.34), beard[0])
            color = self.skin + who.beard * (who.hair - self.skin) * 0.8
            canvas.polygon(np.concatenate([beard, cheek]), color, flat=True)
            face = _ellipse(0, 0.18, 0.45, 0.42)
            canvas.polygon(face, self.skin)
        fringe = np.concatenate(
            [
                outline[outline[:, 1] < -0.3],
                _curve(
                    (width * 0.92, -0.4),
                    (0, who.hairline),
                    (-width * 0.92, -0.4),
                ),
            ]
        )
        canvas.polygon(fringe * (1.03, 1.03), who.hair, flat=True)

    def _cheek(self, canvas: _Canvas, i: int, sign: int) -> None:
        cheek = self.cheek_up[i]
        blush = self.skin * (0.94, 0.93, 1.0)
        y = 0.26 - 0.07 * cheek
        canvas.polygon(
            _ellipse(sign * 0.42, y, 0.17, 0.1 + 0.04 * cheek), blush
        )
        if cheek > 0.15:
            pouch = _curve(
                (sign * 0.22, 0.06), (sign * 0.38, 0.1), (sign * 0.52, 0.02)
            )
            canvas.line(pouch, self._shade(cheek), 0.02)
        # fold from the wing of the nose to the corner of the mouth
        depth = max(self.corner_up[i], self.lip_up[i], 0.6 * cheek)
        if depth > 0.15:
            top = 0.2 - 0.08 * self.lip_up[i]
            bottom = 0.5 - 0.1 * self.corner_up[i]
            fold = _curve(
                (sign * 0.17, top),
                (sign * 0.31, 0.5 * (top + bottom) - 0.02),
                (sign * 0.37, bottom),
            )
            canvas.line(fold, self._shade(depth), 0.025)

    def _eye(self, canvas: _Canvas, i: int, sign: int) -> None:
        who = self.identity
        x, y = sign * 0.33 * who.eye_distance, -0.12
        half = 0.155 * who.eye_size
        wide = 0.5 * (self.inner_up[i] + self.outer_up[i])
        wide *= 1 - 0.8 * self.brow_down[i] * (self.lid_tight[i] > 0.2)
        upper = 0.085 * (1 + 0.55 * wide - 0.4 * self.lid_tight[i])
        upper *= 1 - 0.25 * self.brow_down[i]
        lower = 0.06 * (1 + 0.2 * wide)
        lower *= 1 - 0.5 * self.lid_tight[i] - 0.9 * self.cheek_up[i]
        upper, lower = np.array([upper, lower]) * who.eye_size
        upper, lower = np.array([upper, lower]) * (1 - 0.95 * self.blink)
        top = _curve((x - half, y), (x, y - upper), (x + half, y))
        bottom = _curve((x + half, y), (x, y + lower), (x - half, y))
        canvas.polygon(
            np.concatenate([top, bottom]), np.array([235.0, 238, 240])
        )
        # the lids clip the iris
        radius = 0.072 * who.eye_size
        iris = _ellipse(x, y, radius, radius)
        lid = np.clip(1 - ((iris[:, 0] - x) / half) ** 2, 0, 1)
        iris[:, 1] = np.clip(iris[:, 1], y - upper * lid, y + lower * lid)
        canvas.polygon(iris, who.iris)
        if upper + lower > 0.05:
            canvas.polygon(
                _ellipse(x, y, 0.45 * radius, 0.3 * min(upper + lower, 0.1)),
                np.array([10.0, 10, 10]),
            )
        canvas.line(top, self.line * 0.6, 0.03)
        canvas.line(bottom, self.fold, 0.015)

    def _brow(self, canvas: _Canvas, i: int, sign: int) -> None:
        who = self.identity
        inner_x = 0.15 - 0.055 * self.brow_down[i]
        base = -0.335 - who.brow_height
        inner_y = base + who.brow_tilt
        inner_y += -0.13 * self.inner_up[i] + 0.11 * self.brow_down[i]
        middle_y = base - 0.05 - 0.05 * self.inner_up[i]
        middle_y += -0.09 * self.outer_up[i] + 0.075 * self.brow_down[i]
        outer_y = base + 0.01 - who.brow_tilt
        outer_y += -0.12 * self.outer_up[i] + 0.02 * self.brow_down[i]
        brow = _curve(
            (sign * inner_x, inner_y),
            (sign * 0.35, middle_y),
            (sign * 0.53, outer_y),
        )
        thickness = 0.035 * who.brow_thickness
        thickness = thickness * np.linspace(1.1, 0.5, len(brow))
        rim = np.stack([np.zeros(len(brow)), thickness], axis=1)
        outline = np.concatenate([brow - rim, (brow + rim)[::-1]])
        canvas.polygon(outline, 0.75 * who.hair)

    def _forehead(self, canvas: _Canvas) -> None:
        raised = float(np.max(self.inner_up + self.outer_up)) / 2
        if raised > 0.2:
            for y, half in ((-0.56, 0.3), (-0.49, 0.36)):
                wrinkle = _curve((-half, y), (0, y - 0.03), (half, y))
                canvas.line(wrinkle, self._shade(raised * 0.8), 0.015)
        frown = float(np.max(self.brow_down))
        if frown > 0.2:
            for sign in (-1, 1):
                top = (sign * 0.05, -0.42)
                line = np.array([top, (sign * 0.04, -0.26)])
                canvas.line(line, self._shade(frown), 0.02)

    def _nose(self, canvas: _Canvas) -> None:
        who = self.identity
        lift = 0.05 * float(np.max(self.lip_up))
        tip = 0.2 * who.nose_length - lift
        half = 0.11 * who.nose_width + 0.3 * lift
        bridge = _curve((0.05, -0.1), (0.075, tip - 0.12), (half, tip))
        canvas.line(bridge, 0.8 * self.skin, 0.03)
        wings = _curve((-half, tip), (0, tip + 0.06), (half, tip))
        canvas.line(wings, self.fold, 0.03)
        for sign in (-1, 1):
            canvas.polygon(
                _ellipse(sign * 0.5 * half, tip + 0.025, 0.03, 0.02),
                self.line,
            )
        wrinkle = float(np.max(self.lip_up))
        if wrinkle > 0.2:
            for y in (-0.08, -0.02):
                line = _curve((-0.09, y), (0, y - 0.04), (0.09, y))
                canvas.line(line, self._shade(wrinkle), 0.02)

    def _mouth(self, canvas: _Canvas) -> None:
        who = self.identity
        base = 0.5 + who.mouth_height
        narrow = 1 - 0.15 * self.lip_tight - 0.05 * self.lip_press
        half = 0.27 * who.mouth_width * narrow
        half = half * (1 + 0.28 * self.corner_up - 0.22 * self.jaw)
        gap = 0.05 * self.part + 0.2 * self.jaw * min(1.0, 3 * self.part)
        # an open mouth without a smile is an O: its corners sink with the jaw
        corner_y = base + who.mouth_curve + 0.4 * gap
        corner_y = corner_y - 0.14 * self.corner_up + 0.11 * self.corner_down
        left, right = (-half[0], corner_y[0]), (half[1], corner_y[1])
        smile = float(np.mean(self.corner_up))
        sag = float(np.mean(self.corner_down))
        lift = float(np.max(self.lip_up))
        middle = base + 0.03 * smile - 0.035 * sag
        top = middle - 0.35 * gap - 0.075 * lift * (1 + self.part)
        bottom = middle + gap - 0.02 * lift * (1 - self.part)
        bottom = max(bottom, top)
        press = 1 - 0.55 * np.mean(self.lip_tight)
        press -= 0.5 * np.mean(self.lip_press)
        lips = who.lip_thickness * max(press, 0.12)
        upper_lip, lower_lip = 0.05 * lips, 0.075 * lips
        if lift > 0.15:
            upper_lip *= 1 + 0.4 * lift
        red = self.skin * (0.62, 0.58, 0.82)
        outline = np.concatenate(
            [
                _curve(left, (0, top - upper_lip), right),
                _curve(right, (0, bottom + lower_lip), left),
            ]
        )
        canvas.polygon(outline, red)
        rim_top = _curve(left, (0, top), right)
        rim_bottom = _curve(right, (0, bottom), left)
        if bottom - top > 0.015:
            inside = np.concatenate([rim_top, rim_bottom])
            canvas.polygon(inside, np.array([35.0, 25, 60]))
            teeth = min(0.55 * (bottom - top), 0.06)
            row = _curve(
                (left[0] * 0.8, left[1] * 0.2 + top * 0.8),
                (0, top + 0.005),
                (right[0] * 0.8, right[1] * 0.2 + top * 0.8),
            )
            canvas.polygon(
                np.concatenate([row, row[::-1] + (0, teeth)]),
                np.array([225.0, 232, 235]),
            )
        else:
            canvas.line(rim_top, self.line, 0.025)
        pressed = float(np.max(self.lip_press + self.lip_tight)) / 2
        if pressed > 0.15:
            # bulges above and below pressed lips
            dent = _curve(
                (-0.12, bottom + 0.11),
                (0, bottom + 0.09),
                (0.12, bottom + 0.11),
            )
            canvas.line(dent, self._shade(pressed), 0.03)

    def _glasses(self, canvas: _Canvas) -> None:
        color = np.array([40.0, 35, 35])
        for sign in (-1, 1):
            x = sign * 0.33 * self.identity.eye_distance
            canvas.line(_ellipse(x, -0.1, 0.22, 0.17), color, 0.03, True)
        canvas.line(np.array([(-0.11, -0.12), (0.11, -0.12)]), color, 0.03)

    def _shade(self, strength: float) -> np.ndarray:
        """Return the skin color of a fold: the stronger, the darker."""
        return self.skin + min(1.0, strength) * (self.fold - self.skin)


def _draw_hand(canvas: _Canvas, occluder: tuple, skin: np.ndarray) -> None:
    x, y, radius, angle = occluder
    canvas.polygon(_ellipse(x, y, radius, radius), 0.86 * skin, flat=True)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    for finger in (-0.75, -0.25, 0.25, 0.75):
        root = np.array([x, y]) + finger * radius * across
        tip = root + 1.7 * radius * along
        rim = 0.2 * radius * across
        canvas.polygon(
            np.array([root - rim, root + rim, tip + rim, tip - rim]),
            (0.8 + 0.08 * finger) * skin,
            flat=True,
        )


def _expose(
    image: np.ndarray, conditions: Conditions, rng: np.random.Generator
) -> np.ndarray:
    """Apply light, tint, contrast, blur and noise to an image, uint8."""
    size = len(image)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    light = (
        1 + conditions.light[0] * ramp + conditions.light[1] * ramp[:, None]
    )
    light = np.clip(light, 0.25, 1.8) * conditions.brightness
    exposed = image * light[..., None]
    exposed *= np.asarray(conditions.tint, dtype=np.float32)
    exposed = (exposed - 128) * np.float32(conditions.contrast) + 128
    if conditions.blur > 0.2:
        exposed = cv2.GaussianBlur(exposed, (0, 0), conditions.blur)
    noise = rng.standard_normal(exposed.shape, dtype=np.float32)
    exposed += np.float32(conditions.noise) * noise
    return np.clip(exposed, 0, 255).astype(np.uint8)
